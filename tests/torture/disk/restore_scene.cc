#include "tests/torture/disk/restore_scene.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "events/backup/create.h"
#include "events/rocksdb/rocksdb_log_import.h"

namespace citas::torture {
namespace {

constexpr int kBatches = 12;
constexpr std::size_t kBatchSize = 5;
constexpr std::size_t kSegmentBytes = 8'000;
constexpr std::chrono::days kLater{1};

void must(const Status& done) {
  if (!done) throw Defect("restore: " + done.error().message);
}

std::vector<StoredRecord> records_of(const EventLog& log, Position until) {
  std::vector<StoredRecord> records;
  must(log.read(Position{0}, until.value(), [&](const RecordView& view) {
    records.push_back(
        {view.position, view.epoch, view.running_maximum, view.hash, std::string(view.bytes)});
    return true;
  }));
  return records;
}

bool same(const StoredRecord& a, const StoredRecord& b) {
  return a.position == b.position && a.epoch == b.epoch && a.running_maximum == b.running_maximum &&
         a.hash == b.hash && a.bytes == b.bytes;
}

// By key, what repeated commands will be told.
std::map<CommandKey, std::string> results_of(const EventLog& log, Position until) {
  std::map<CommandKey, std::string> results;
  must(log.read_results(Position{0}, until, [&](const ListedResult& result) {
    results.emplace(result.key, result.value);
    return true;
  }));
  return results;
}

}  // namespace

RestoreScene::RestoreScene(std::uint64_t seed) : world_(seed) {
  // For the locks, which are no simulated disk's.
  std::filesystem::create_directories(place());
  std::filesystem::create_directories(unfinished_import_of(place()));
  auto opened = Session::open(world_, world_.new_disk(), Canary::kNone);
  if (!opened) throw Defect("restore: " + opened.error().message);
  original_ = *std::move(opened);
  Ledger ledger;
  Ledger::Random random(seed);
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<std::size_t> intents;
    for (std::size_t n = 0; n < kBatchSize; ++n) intents.push_back(ledger.intend(random));
    must(original_->send(ledger, intents));
  }
  auto created = backup::create(original_->log(), world_.codec, store_, world_.clock.now(),
                                {.segment_bytes = kSegmentBytes});
  if (!created) throw Defect("restore: " + created.error().message);
  backup_ = std::move(created->backup);
  const std::uint64_t end = original_->log().head().position.value();
  until_ = Position{random() % 2 == 0 ? end : 1 + random() % end};
}

RestoreScene::Disk RestoreScene::new_disk() const { return world_.new_disk(); }

Status RestoreScene::restore(const Disk& disk) {
  RocksDbLogImport target(place(), storage_on(disk));
  const auto restored = backup::restore(store_, backup_, world_.codec, target,
                                        world_.clock.now() + kLater, {.until = until_});
  return restored ? Status{} : failure(restored.error());
}

Result<std::unique_ptr<RocksDbEventLog>> RestoreScene::open(const Disk& disk,
                                                            RocksDbEventLog::Mode mode) {
  return RocksDbEventLog::open(place(), world_.codec, world_.ids, mode, storage_on(disk));
}

Status RestoreScene::open(const Disk& disk) {
  const auto log = open(disk, RocksDbEventLog::Mode::kWrite);
  return log ? Status{} : failure(log.error());
}

bool RestoreScene::is_restored(const Disk& disk) {
  {
    const auto log = open(disk, RocksDbEventLog::Mode::kReadOnly);
    if (!log && log.error().code == ErrorCode::kNotFound) {
      check_none(disk);
      return false;
    }
    if (!log) throw Defect("what was restored does not open: " + log.error().message);
    check_same(**log);
  }
  const auto log = open(disk, RocksDbEventLog::Mode::kWrite);
  if (!log) throw Defect("what was restored does not open for writing: " + log.error().message);
  check_same(**log);
  if (disk->FileExists(place() / kImportMark, {}, nullptr).ok()) {
    throw Defect("a log that is served bears the mark of a restore, which may be deleted");
  }
  return true;
}

void RestoreScene::check_none(const Disk& disk) {
  const bool is_begun = disk->FileExists(unfinished_import_of(place()), {}, nullptr).ok();
  if (!is_begun) return;
  const Status served = open(disk);
  if (served) throw Defect("an empty log was begun in the place of one that is being restored");
  if (served.error().code != ErrorCode::kFailedPrecondition) {
    throw Defect("beside an unfinished restore, a server is told: " + served.error().message);
  }
}

void RestoreScene::check_same(const EventLog& log) const {
  if (log.head().position != until_) {
    throw Defect("the restored log ends at position " +
                 std::to_string(log.head().position.value()) + " instead of " +
                 std::to_string(until_.value()));
  }
  const EventLog& original = original_->log();
  if (!std::ranges::equal(records_of(log, until_), records_of(original, until_), same)) {
    throw Defect("the restored log has other records than the original one");
  }
  if (results_of(log, until_) != results_of(original, until_)) {
    throw Defect("the restored log has other outcomes of commands than the original one");
  }
}

}  // namespace citas::torture

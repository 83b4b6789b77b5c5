#include "events/rocksdb/log_opening.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <system_error>

namespace citas {
namespace {

namespace fs = std::filesystem;

// Whether the stored log contains what the marker has seen.
Status check_against_marker(const LogDatabase& database, const LogMeta& meta, const Head& end,
                            const MarkedHead& marked) {
  if (marked.log != meta.identity.id) {
    return failure(ErrorCode::kCorruption,
                   std::string("event log: its head marker belongs to another log; ") + kRunbook);
  }
  if (end.position < marked.head.position) {
    return failure(ErrorCode::kCorruption,
                   "event log: it ends at position " + std::to_string(end.position.value()) +
                       " but had reached " + std::to_string(marked.head.position.value()) +
                       ": acknowledged events are missing; " + kRunbook);
  }
  Sha256 stored_hash = meta.identity.genesis();
  if (marked.head.position.value() > 0) {
    std::string stored;
    const auto got =
        database.db().Get({}, database.events(), position_key(marked.head.position), &stored);
    if (!got.ok()) return failure(rocksdb_error("read the marked head", got));
    const auto record = decode_record(marked.head.position, stored);
    if (!record) return failure(record.error());
    stored_hash = record->hash;
  }
  if (stored_hash != marked.head.hash) {
    return failure(ErrorCode::kCorruption, "event log: the hash at position " +
                                               std::to_string(marked.head.position.value()) +
                                               " is not the one its head marker holds; " +
                                               kRunbook);
  }
  return {};
}

Status sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (synced) return {};
  return failure(ErrorCode::kUnavailable, "event log: cannot sync folder " + folder.string());
}

// The id that a new log gets: from the marker, if an earlier creation was cut short behind it.
Result<LogId> begin_creation(const fs::path& folder, IdSource& ids) {
  const auto marked = HeadMarker::read(folder / "HEAD");
  if (marked && marked->head.position.value() > 0) {
    return failure(ErrorCode::kCorruption, "event log: " + folder.string() +
                                               " has a head marker but no events; " + kRunbook);
  }
  if (marked) return marked->log;
  if (marked.error().code != ErrorCode::kNotFound) return failure(marked.error());
  const LogIdentity identity{LogId{ids.next()}};
  const auto marker = HeadMarker::create(
      folder / "HEAD", {identity.id, {Epoch{1}, Position{0}, identity.genesis()}});
  if (!marker) return failure(marker.error());
  return identity.id;
}

// Marker first, database second and under another name until it is whole: wherever a crash cuts
// this short, the next start goes on, and a log that had events is never taken for a new one.
Status create(const fs::path& folder, IdSource& ids) {
  const auto id = begin_creation(folder, ids);
  if (!id) return failure(id.error());
  const fs::path unfinished = folder / "db.new";
  std::error_code error;
  fs::remove_all(unfinished, error);
  if (const Status created = LogDatabase::create(unfinished, *id); !created) return created;
  fs::rename(unfinished, folder / "db", error);
  if (error) {
    return failure(ErrorCode::kUnavailable, "event log: cannot create: " + error.message());
  }
  const Status synced = sync_folder(folder);
  return synced ? sync_folder(fs::absolute(folder).parent_path()) : synced;
}

Result<LogDatabase> open_or_create(const fs::path& folder, IdSource& ids, bool may_create) {
  if (!fs::exists(folder / "db")) {
    if (!may_create) {
      return failure(ErrorCode::kNotFound, "event log: there is none in " + folder.string());
    }
    if (const Status created = create(folder, ids); !created) return failure(created.error());
  }
  return LogDatabase::open(folder / "db", /*read_only=*/true);
}

struct Checked {
  LogMeta meta;
  ChainState end;
  MarkedHead marked;
};

Result<Checked> check(const fs::path& folder, const LogDatabase& database, bool must_match) {
  const auto meta = database.read_meta();
  if (!meta) return failure(meta.error());
  const auto end = database.read_end(*meta);
  if (!end) return failure(end.error());
  const auto marked = HeadMarker::read(folder / "HEAD");
  if (!must_match) return Checked{*meta, *end, marked.value_or(MarkedHead{})};
  if (!marked) {
    return failure(ErrorCode::kFailedPrecondition, "event log in " + folder.string() + ": " +
                                                       marked.error().message + "; " + kRunbook);
  }
  const Status matches = check_against_marker(database, *meta, end->head, *marked);
  if (!matches) return failure(matches.error());
  return Checked{*meta, *end, *marked};
}

Result<OpenedLog> open_for_writing(const fs::path& folder, FolderLock lock,
                                   const Checked& checked) {
  auto database = LogDatabase::open(folder / "db", /*read_only=*/false);
  if (!database) return failure(database.error());
  // The same log must come out of both openings.
  const auto end = database->read_end(checked.meta);
  if (!end) return failure(end.error());
  if (end->head != checked.end.head) {
    return failure(ErrorCode::kCorruption,
                   std::string("event log: recovery changed its end; ") + kRunbook);
  }
  auto marker = HeadMarker::open(folder / "HEAD");
  if (!marker) return failure(marker.error());
  return OpenedLog{std::move(lock), *std::move(database), checked.meta, *end,
                   checked.marked,  *std::move(marker)};
}

}  // namespace

Result<OpenedLog> open_log(const fs::path& folder, IdSource& ids, RocksDbEventLog::Mode mode) {
  const bool writing = mode == RocksDbEventLog::Mode::kWrite;
  if (writing) {
    std::error_code ignored;  // a folder that could not be made cannot be locked either
    fs::create_directories(folder, ignored);
  }
  auto lock = writing ? FolderLock::for_writing(folder) : FolderLock::for_reading(folder);
  if (!lock) return failure(lock.error());
  std::optional<Checked> checked;
  {
    auto database = open_or_create(folder, ids, writing);
    if (!database) return failure(database.error());
    const auto result = check(folder, *database, mode != RocksDbEventLog::Mode::kInspect);
    if (!result) return failure(result.error());
    if (!writing) {
      return OpenedLog{*std::move(lock), *std::move(database), result->meta,
                       result->end,      result->marked,       std::nullopt};
    }
    checked = *result;
  }
  return open_for_writing(folder, *std::move(lock), *checked);
}

}  // namespace citas

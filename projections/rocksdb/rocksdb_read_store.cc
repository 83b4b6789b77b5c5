#include "projections/rocksdb/rocksdb_read_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <system_error>

#include "events/base/rocksdb/next_step.h"
#include "events/base/rocksdb/silent_logger.h"

namespace citas::projections {
namespace {

// Keys of ours begin with a zero byte, which no projection uses.
constexpr std::string_view kCheckpointKey{"\0checkpoint", 11};
constexpr std::string_view kFirstKey{"\1", 1};

constexpr std::size_t kMemtableBytes = 32 << 20;
constexpr int kMemtables = 3;
constexpr std::size_t kBlockBytes = 4 << 10;
constexpr double kBloomBitsPerKey = 10;
constexpr double kMemtableBloomRatio = 0.02;
constexpr int kBackgroundJobs = 2;
constexpr int kOpeningThreads = 2;  // instead of 16, however few files there are
// Twice RocksDB's own, since what begin_flush() writes out is less than half a memtable: rows are
// rewritten as seldom as before.
constexpr int kFilesBeforeCompaction = 8;

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view text(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

// Missing files count as damage: a generation without them can only be built anew.
ErrorCode code_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return ErrorCode::kStorageFull;
  if (status.IsCorruption() || status.IsInvalidArgument() || status.IsNotFound() ||
      status.IsPathNotFound() || status.IsNotSupported()) {
    return ErrorCode::kCorruption;
  }
  return ErrorCode::kUnavailable;
}

tl::unexpected<Error> failed(std::string_view what, const rocksdb::Status& status) {
  return failure(code_of(status), "the read model could not be " + std::string(what) + ": " +
                                      status.ToString() +
                                      std::string(next_step_of_refused(status)));
}

rocksdb::BlockBasedTableOptions table_options(const RocksDbReadStoreResources& shared) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = shared.block_cache;
  table.block_size = kBlockBytes;
  table.format_version = 5;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  return table;
}

rocksdb::Options options(RocksDbReadStore::Mode mode, const RocksDbReadStoreResources& shared) {
  rocksdb::Options options;
  options.create_if_missing = mode == RocksDbReadStore::Mode::kCreate;
  options.error_if_exists = options.create_if_missing;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(shared)));
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = kMemtables;
  options.max_background_jobs = kBackgroundJobs;
  options.max_file_opening_threads = kOpeningThreads;
  options.level0_file_num_compaction_trigger = kFilesBeforeCompaction;
  // Most look-ups of a rebuild are for what does not exist yet.
  options.memtable_prefix_bloom_size_ratio = kMemtableBloomRatio;
  options.memtable_whole_key_filtering = true;
  // One thread writes.
  options.allow_concurrent_memtable_write = false;
  options.compression = rocksdb::kNoCompression;
  options.bottommost_compression = rocksdb::kLZ4Compression;
  options.info_log = std::make_shared<SilentLogger>();
  // What is allocated and not used would be missing where the log needs it.
  options.allow_fallocate = false;
  return options;
}

rocksdb::WriteOptions unlogged() {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  return write;
}

class View final : public ReadView {
 public:
  View(std::unique_ptr<rocksdb::Iterator> entries, Position position, Revision revision)
      : entries_(std::move(entries)), position_(position), revision_(revision) {}

  Position position() const override { return position_; }
  Revision revision() const override { return revision_; }

  Result<std::optional<std::string>> get(std::string_view key) override {
    entries_->Seek(slice(key));
    if (!entries_->Valid()) {
      if (!entries_->status().ok()) return failed("read", entries_->status());
      return std::nullopt;
    }
    if (text(entries_->key()) != key) return std::nullopt;
    return std::string(text(entries_->value()));
  }

  citas::Status scan(const KeyRange& range, Order order, const EntryVisitor& visit) override {
    const KeyRange own{std::max(range.from, kFirstKey), range.to};
    if (!own.to.empty() && own.to <= own.from) return {};
    if (order == Order::kAscending) {
      scan_up(own, visit);
    } else {
      scan_down(own, visit);
    }
    if (!entries_->status().ok()) return failed("read", entries_->status());
    return {};
  }

 private:
  void scan_up(const KeyRange& range, const EntryVisitor& visit) {
    seek(range.from);
    for (; entries_->Valid(); entries_->Next()) {
      const std::string_view key = text(entries_->key());
      if (!range.to.empty() && key >= range.to) return;
      if (!visit(key, text(entries_->value()))) return;
    }
  }

  void scan_down(const KeyRange& range, const EntryVisitor& visit) {
    seek_before(range.to);
    for (; entries_->Valid(); entries_->Prev()) {
      const std::string_view key = text(entries_->key());
      if (key < range.from) return;
      if (!visit(key, text(entries_->value()))) return;
    }
  }

  // To the first key from `key` on.
  void seek(std::string_view key) {
    // A scan often begins right behind what was just read, and a step costs far less than a seek.
    if (entries_->Valid() && text(entries_->key()) < key) {
      entries_->Next();
      if (entries_->Valid() && text(entries_->key()) >= key) return;
    }
    entries_->Seek(slice(key));
  }

  // To the last key before `key`.
  void seek_before(std::string_view key) {
    if (key.empty()) {
      entries_->SeekToLast();
      return;
    }
    entries_->SeekForPrev(slice(key));
    if (entries_->Valid() && text(entries_->key()) == key) entries_->Prev();
  }

  const std::unique_ptr<rocksdb::Iterator> entries_;
  const Position position_;
  const Revision revision_;
};

// The position in the checkpoint that the iterator sees.
Result<Position> stored_position(rocksdb::Iterator& entries) {
  entries.Seek(slice(kCheckpointKey));
  if (!entries.status().ok()) return failed("read", entries.status());
  if (!entries.Valid() || text(entries.key()) != kCheckpointKey) return Position{};
  const auto checkpoint = decode_checkpoint(text(entries.value()));
  if (!checkpoint) return failure(checkpoint.error());
  return checkpoint->head.position;
}

Result<std::unique_ptr<rocksdb::DB>> open_database(const std::filesystem::path& folder,
                                                   RocksDbReadStore::Mode mode,
                                                   const RocksDbReadStoreResources& shared) {
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status =
      mode == RocksDbReadStore::Mode::kReadOnly
          ? rocksdb::DB::OpenForReadOnly(options(mode, shared), folder.string(), &opened)
          : rocksdb::DB::Open(options(mode, shared), folder.string(), &opened);
  std::unique_ptr<rocksdb::DB> db(opened);
  if (!status.ok()) return failed("opened", status);
  return db;
}

}  // namespace

RocksDbReadStoreResources make_read_store_resources(std::size_t block_cache_bytes) {
  return {.block_cache = rocksdb::NewLRUCache(block_cache_bytes)};
}

Result<std::shared_ptr<RocksDbReadStore>> RocksDbReadStore::open(
    const std::filesystem::path& folder, Mode mode, const RocksDbReadStoreResources& shared) {
  auto db = open_database(folder, mode, shared);
  if (!db) return failure(std::move(db).error());
  std::shared_ptr<RocksDbReadStore> store(new RocksDbReadStore(folder, *std::move(db)));
  const auto checkpoint = store->checkpoint();
  if (!checkpoint) return failure(checkpoint.error());
  if (*checkpoint) store->position_ = (*checkpoint)->head.position.value();
  return store;
}

RocksDbReadStore::RocksDbReadStore(std::filesystem::path folder, std::unique_ptr<rocksdb::DB> db)
    : folder_(std::move(folder)), db_(std::move(db)) {}

RocksDbReadStore::~RocksDbReadStore() {
  db_.reset();
  std::error_code ignored;  // what remains is deleted at the next start
  if (delete_on_close_) std::filesystem::remove_all(folder_, ignored);
}

Result<std::unique_ptr<ReadView>> RocksDbReadStore::view() const {
  const std::uint64_t before = commit_sequence_.load();
  const Position position{position_.load()};
  std::unique_ptr<rocksdb::Iterator> entries(db_->NewIterator(rocksdb::ReadOptions()));
  // A commit that was under way may be in the view; to the revision it is one that is not.
  const Revision revision{before - before % 2};
  const bool between_commits = before % 2 == 0 && commit_sequence_.load() == before;
  if (between_commits) return std::make_unique<View>(std::move(entries), position, revision);
  const auto stored = stored_position(*entries);
  if (!stored) return failure(stored.error());
  return std::make_unique<View>(std::move(entries), *stored, revision);
}

Result<std::optional<std::string>> RocksDbReadStore::get(std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return failed("read", status);
  return value;
}

Result<std::optional<Checkpoint>> RocksDbReadStore::checkpoint() const {
  const auto stored = get(kCheckpointKey);
  if (!stored) return failure(stored.error());
  if (!*stored) return std::nullopt;
  return decode_checkpoint(**stored);
}

// The position first: every commit up to it has left its marks.
std::optional<Position> RocksDbReadStore::unchanged_since(std::string_view key,
                                                          Revision since) const {
  const Position position{position_.load()};
  if (marks_.last_write(key) > since.value()) return std::nullopt;
  return position;
}

citas::Status RocksDbReadStore::commit(std::span<const Mutation> mutations,
                                       const Checkpoint& checkpoint) {
  rocksdb::WriteBatch batch;
  for (const Mutation& mutation : mutations) {
    const rocksdb::Status staged = mutation.value
                                       ? batch.Put(slice(mutation.key), slice(*mutation.value))
                                       : batch.Delete(slice(mutation.key));
    if (!staged.ok()) return failed("written", staged);
  }
  const std::string encoded = encode(checkpoint);
  if (const auto staged = batch.Put(slice(kCheckpointKey), slice(encoded)); !staged.ok()) {
    return failed("written", staged);
  }
  const std::uint64_t number = ++commit_sequence_;
  for (const Mutation& mutation : mutations) marks_.write(mutation.key, number);
  const rocksdb::Status written = db_->Write(unlogged(), &batch);
  if (written.ok()) position_ = checkpoint.head.position.value();
  ++commit_sequence_;
  if (!written.ok()) return failed("written", written);
  return {};
}

citas::Status RocksDbReadStore::flush() {
  const rocksdb::Status status = db_->Flush(rocksdb::FlushOptions());
  if (!status.ok()) return failed("flushed", status);
  return {};
}

Result<bool> RocksDbReadStore::begin_flush() {
  std::uint64_t under_way = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kNumImmutableMemTable, &under_way);
  // Each takes one of the few memtables, and a commit without one waits for it.
  if (under_way > 0) return false;
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;  // else it waits here for compactions
  const rocksdb::Status status = db_->Flush(options);
  if (!status.ok()) return failed("flushed", status);
  return true;
}

}  // namespace citas::projections

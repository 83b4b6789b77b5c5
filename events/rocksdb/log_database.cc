#include "events/rocksdb/log_database.h"

#include <openssl/rand.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <thread>

#include "events/base/big_endian.h"
#include "events/base/check.h"
#include "events/base/rocksdb/next_step.h"
#include "events/base/rocksdb/silent_logger.h"

namespace citas {
namespace {

constexpr char kFormat[] = "format";
constexpr char kFormatVersion[] = "2";
constexpr char kFormatWithoutMarks[] = "1";
constexpr char kLogId[] = "log_id";
constexpr char kPartition[] = "partition";
constexpr char kEpoch[] = "epoch";
constexpr char kFingerprintKey[] = "fingerprint_key";
constexpr char kListIsWhole[] = "result_list";
constexpr char kResultList[] = "result_list";
constexpr std::size_t kFamiliesOfEarlierVersions = 4;

constexpr std::size_t kBlockCacheBytes = std::size_t{128} << 20;
// Inserting random keys costs cache misses that grow with the memtable: small ones, several of
// which are written out together.
constexpr std::size_t kRandomMemtableBytes = std::size_t{2} << 20;
constexpr int kRandomMemtablesMerged = 6;
constexpr int kRandomMemtables = 16;
// The bound of the write-ahead log has small ones written out: more of them are merged at a time.
constexpr int kRandomFilesBeforeCompaction = 8;
// Bounds what a start has to replay, twice (a look before the recovery, and that), at some 12 ms a
// MiB each, and the room that it takes to write it out. RocksDB also allocates that much for a new
// write-ahead log, which must not be most of a small disk.
constexpr std::uint64_t kMaxWalBytes = std::uint64_t{8} << 20;
constexpr std::uint64_t kWalsInSmallDisk = 16;
// RocksDB starts as many for each column family, however few files it has: by default 16.
constexpr int kOpeningThreads = 2;

std::uint64_t max_wal_bytes(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder.parent_path(), error);
  return error ? kMaxWalBytes
               : std::min<std::uint64_t>(kMaxWalBytes, space.capacity / kWalsInSmallDisk);
}

rocksdb::DBOptions database_options(const std::filesystem::path& folder, bool create) {
  rocksdb::DBOptions options;
  options.create_if_missing = create;
  options.create_missing_column_families = create;
  options.error_if_exists = create;
  options.max_total_wal_size = max_wal_bytes(folder);
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.manual_wal_flush = false;
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  options.max_file_opening_threads = kOpeningThreads;
  options.info_log = std::make_shared<SilentLogger>();
  // One thread writes: what concurrent writers need only costs.
  options.allow_concurrent_memtable_write = false;
  options.enable_pipelined_write = false;
  return options;
}

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache,
                                            std::size_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = memtable_bytes;
  options.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

void keep_memtables_small(rocksdb::ColumnFamilyOptions& options) {
  options.write_buffer_size = std::min(options.write_buffer_size, kRandomMemtableBytes);
  options.min_write_buffer_number_to_merge = kRandomMemtablesMerged;
  options.max_write_buffer_number = kRandomMemtables;
  options.level0_file_num_compaction_trigger = kRandomFilesBeforeCompaction;
}

// Keys are random: most look-ups are for keys that do not exist, and must not read a block.
constexpr double kMemtableBloomRatio = 0.1;

std::vector<rocksdb::ColumnFamilyDescriptor> families(std::size_t memtable_bytes) {
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  rocksdb::ColumnFamilyOptions events = family_options(cache, memtable_bytes);
  // Positions only grow: each insert goes right behind the one before.
  events.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  rocksdb::ColumnFamilyOptions tags = family_options(cache, memtable_bytes);
  tags.merge_operator = write_mark_merger();
  keep_memtables_small(tags);
  tags.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(sizeof(TagDigest)));
  tags.memtable_prefix_bloom_size_ratio = kMemtableBloomRatio;
  rocksdb::ColumnFamilyOptions results = family_options(cache, memtable_bytes);
  results.merge_operator = write_mark_merger();
  keep_memtables_small(results);
  results.memtable_prefix_bloom_size_ratio = kMemtableBloomRatio;
  results.memtable_whole_key_filtering = true;
  rocksdb::ColumnFamilyOptions list = events;
  list.merge_operator = write_mark_merger();
  return {{rocksdb::kDefaultColumnFamilyName, family_options(cache, memtable_bytes)},
          {"events", events},
          {"tags", tags},
          {"results", results},
          {kResultList, list}};
}

// Keys that no tag's and no command's digest has, with the width of those around them.
constexpr std::array<char, sizeof(TagDigest) + sizeof(std::uint64_t)> kMarkInTags{};
constexpr std::array<char, sizeof(CommandKey)> kMarkInResults{};
constexpr std::array<char, sizeof(std::uint64_t) + sizeof(CommandKey)> kMarkInResultList{};

template <typename Bytes>
rocksdb::Slice slice_of(const Bytes& bytes) {
  return {bytes.data(), bytes.size()};
}

// A moment at which the writer removed no write-ahead log: all that it had written by then is
// seen, in tables or in logs. A reader that finds a log gone would go on without what was in it.
constexpr int kFollowAttempts = 50;
constexpr std::chrono::milliseconds kFollowPause{20};

// Nothing where the folder cannot be read to its end: a name could lack.
std::optional<std::set<std::string>> write_ahead_logs(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() == ".log") names.insert(at->path().filename());
  }
  if (error) return std::nullopt;
  return names;
}

// Earlier versions had no list of results.
std::vector<rocksdb::ColumnFamilyDescriptor> existing_families(const rocksdb::DBOptions& options,
                                                               const std::filesystem::path& folder,
                                                               std::size_t memtable_bytes) {
  auto all = families(memtable_bytes);
  std::vector<std::string> names;
  const auto listed = rocksdb::DB::ListColumnFamilies(options, folder.string(), &names);
  if (listed.ok() && std::ranges::find(names, kResultList) == names.end()) all.pop_back();
  return all;
}

}  // namespace

Error rocksdb_error(std::string_view what, const rocksdb::Status& status) {
  const ErrorCode code = is_damage(status) ? ErrorCode::kCorruption : ErrorCode::kUnavailable;
  return {code, "event log: " + std::string(what) + ": " + status.ToString() +
                    std::string(next_step(status))};
}

LogDatabase::~LogDatabase() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) db_->DestroyColumnFamilyHandle(family);
}

std::string LogDatabase::random_fingerprint_key() {
  std::string key(32, '\0');
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) ==
        1);
  return key;
}

rocksdb::Status LogDatabase::create_families(const std::filesystem::path& folder) {
  rocksdb::DBOptions options = database_options(folder, true);
  options.env = env_.get();
  rocksdb::DB* db = nullptr;
  const auto opened = rocksdb::DB::Open(options, folder.string(), families(storage_.memtable_bytes),
                                        &families_, &db);
  db_.reset(db);
  return opened;
}

Status LogDatabase::create(const std::filesystem::path& folder, const LogMeta& meta,
                           const LogStorage& storage) {
  LogDatabase database(storage);
  const auto created = database.create_families(folder);
  if (!created.ok()) return failure(rocksdb_error("create", created));
  rocksdb::WriteBatch values;
  values.Put(kFormat, kFormatVersion);
  values.Put(kLogId, meta.identity.id.value().to_string());
  values.Put(kPartition, meta.identity.partition);
  values.Put(kEpoch, std::to_string(meta.epoch.value()));
  values.Put(kFingerprintKey, meta.fingerprint_key);
  values.Put(kListIsWhole, "1");
  database.merge(values, Position{0}, 1);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const auto written = database.db().Write(synced, &values);
  if (!written.ok()) return failure(rocksdb_error("create", written));
  return {};
}

rocksdb::Status LogDatabase::open_families(const std::filesystem::path& folder, Access access) {
  rocksdb::DBOptions options = database_options(folder, false);
  options.env = env_.get();
  const std::string path = folder.string();
  const auto existing = existing_families(options, folder, storage_.memtable_bytes);
  rocksdb::DB* db = nullptr;
  rocksdb::Status opened;
  switch (access) {
    case Access::kWrite:
      options.create_missing_column_families = true;
      opened = rocksdb::DB::Open(options, path, families(storage_.memtable_bytes), &families_, &db);
      break;
    case Access::kRead:
      opened = rocksdb::DB::OpenForReadOnly(options, path, existing, &families_, &db);
      break;
    case Access::kFollow:
      // All tables are kept open, since the writer may remove any of them.
      options.max_open_files = -1;
      opened = rocksdb::DB::OpenAsSecondary(options, path, scratch_->path().string(), existing,
                                            &families_, &db);
      break;
  }
  db_.reset(db);
  return opened;
}

Result<LogDatabase> LogDatabase::open(const std::filesystem::path& folder, Access access,
                                      const LogStorage& storage) {
  LogDatabase database(storage);
  if (access == Access::kFollow) {
    if (const Status followed = database.follow(folder); !followed) {
      return failure(followed.error());
    }
  } else if (const auto opened = database.open_families(folder, access); !opened.ok()) {
    return failure(rocksdb_error("open", opened));
  }
  std::string whole;
  const auto got = database.db_->Get({}, database.meta(), kListIsWhole, &whole);
  if (!got.ok() && !got.IsNotFound()) return failure(rocksdb_error("read the meta", got));
  database.list_is_whole_ = got.ok() && database.families_.size() > kFamiliesOfEarlierVersions;
  return database;
}

Status LogDatabase::follow(const std::filesystem::path& folder) {
  auto scratch = ScratchFolder::make("follow");
  if (!scratch) return failure(scratch.error());
  scratch_.emplace(*std::move(scratch));
  rocksdb::Status status = rocksdb::Status::TryAgain();
  for (int attempt = 0; attempt < kFollowAttempts; ++attempt) {
    const auto before = write_ahead_logs(folder);
    status = db_ ? db_->TryCatchUpWithPrimary() : open_families(folder, Access::kFollow);
    const auto after = write_ahead_logs(folder);
    if (status.ok() && before && after && std::ranges::includes(*after, *before)) return {};
    std::this_thread::sleep_for(kFollowPause);
  }
  if (status.IsPathNotFound()) {
    return failure(ErrorCode::kUnavailable,  // its server may remove files for good reasons
                   "event log: open beside its server: " + status.ToString() +
                       "; try again, and if it stays so, " + kRunbook);
  }
  if (!status.ok()) return failure(rocksdb_error("open beside its server", status));
  return failure(ErrorCode::kUnavailable,
                 "event log: its server writes too fast to be followed; try again");
}

Status LogDatabase::complete_result_list(Position end) {
  if (list_is_whole_) return {};
  const std::string position = position_key(end);
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, results()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (at->key() == slice_of(kMarkInResults)) continue;
    const auto put = db_->Put({}, families_[4], position + at->key().ToString(), at->value());
    if (!put.ok()) return failure(rocksdb_error("list the results", put));
  }
  if (!at->status().ok()) return failure(rocksdb_error("list the results", at->status()));
  std::string mark;
  const auto got = db_->Get({}, tags(), slice_of(kMarkInTags), &mark);
  if (!got.ok()) return failure(rocksdb_error("list the results", got));
  rocksdb::WriteBatch whole;
  whole.Put(families_[4], slice_of(kMarkInResultList), mark);
  whole.Put(meta(), kListIsWhole, "1");
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const auto written = db_->Write(synced, &whole);
  if (!written.ok()) return failure(rocksdb_error("list the results", written));
  list_is_whole_ = true;
  return {};
}

Result<LogMeta> LogDatabase::read_meta() const {
  std::string format, log_id, partition, epoch, key;
  const auto get = [&](const char* name, std::string& value) {
    return db_->Get({}, meta(), name, &value);
  };
  if (const auto status = get(kFormat, format); !status.ok()) {
    return failure(rocksdb_error("read the format version", status));
  }
  if (format != kFormatVersion && format != kFormatWithoutMarks) {
    return failure(ErrorCode::kFailedPrecondition,
                   "event log: format version " + format + " is not known to this program (it " +
                       "knows " + kFormatVersion + "); run the version of citas that wrote it");
  }
  for (const auto& [name, value] : {std::pair(kLogId, &log_id), std::pair(kPartition, &partition),
                                    std::pair(kEpoch, &epoch), std::pair(kFingerprintKey, &key)}) {
    if (const auto status = get(name, *value); !status.ok()) {
      return failure(rocksdb_error("read the identity", status));
    }
  }
  const auto id = Uuid::parse(log_id);
  const auto number = parse_position(epoch);
  if (!id || !number || number->value() > UINT32_MAX) {
    return failure(ErrorCode::kCorruption, "event log: its identity is not readable");
  }
  return LogMeta{LogIdentity{LogId{*id}, partition},
                 Epoch{static_cast<std::uint32_t>(number->value())}, key,
                 format != kFormatWithoutMarks};
}

Result<ChainState> LogDatabase::read_end(const LogMeta& meta) const {
  ChainState end{Head{meta.epoch, Position{0}, meta.identity.genesis()}, Timestamp::min()};
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator({}, events()));
  iterator->SeekToLast();
  if (!iterator->status().ok()) return failure(rocksdb_error("read the end", iterator->status()));
  if (!iterator->Valid()) return end;
  if (iterator->key().size() != 8) {
    return failure(ErrorCode::kCorruption, "event log: the last key is not a position");
  }
  const Position last{read_big_endian<std::uint64_t>(iterator->key().ToStringView())};
  const auto record = decode_record(last, iterator->value().ToStringView());
  if (!record) return failure(record.error());
  end.head.position = last;
  end.head.hash = record->hash;
  end.running_maximum = record->running_maximum;
  return end;
}

Result<WriteMark> LogDatabase::read_write_mark(const LogMeta& meta, Position end) const {
  if (!meta.has_write_marks) return WriteMark{.position = end, .batch = 1, .counted = 1};
  std::string in_tags;
  std::string in_results;
  auto got = db_->Get({}, tags(), slice_of(kMarkInTags), &in_tags);
  if (got.ok()) got = db_->Get({}, results(), slice_of(kMarkInResults), &in_results);
  if (!got.ok() && !got.IsNotFound())
    return failure(rocksdb_error("read how far its indexes go", got));
  std::string in_list = in_tags;
  if (got.ok() && result_list() != nullptr) {
    in_list.clear();
    got = db_->Get({}, result_list(), slice_of(kMarkInResultList), &in_list);
  }
  const auto mark = decode_write_mark(in_tags);
  if (!mark || in_list != in_tags || mark->position != end || mark->counted != mark->batch ||
      in_tags != in_results) {
    return failure(ErrorCode::kCorruption,
                   "event log: its tag index or its outcomes of commands lack what came with the "
                   "events up to position " +
                       std::to_string(end.value()) + "; " + kRunbook);
  }
  return *mark;
}

void LogDatabase::merge(rocksdb::WriteBatch& batch, Position position, std::uint64_t number) const {
  const std::string mark = encode({.position = position, .batch = number, .counted = 1});
  batch.Merge(tags(), slice_of(kMarkInTags), mark);
  batch.Merge(results(), slice_of(kMarkInResults), mark);
  batch.Merge(families_[4], slice_of(kMarkInResultList), mark);
}

Status LogDatabase::add_write_marks(Position end) {
  const std::string mark = encode({.position = end, .batch = 1, .counted = 1});
  rocksdb::WriteBatch marks;
  marks.Put(tags(), slice_of(kMarkInTags), mark);
  marks.Put(results(), slice_of(kMarkInResults), mark);
  marks.Put(families_[4], slice_of(kMarkInResultList), mark);
  marks.Put(kFormat, kFormatVersion);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const auto written = db_->Write(synced, &marks);
  if (!written.ok()) return failure(rocksdb_error("upgrade", written));
  return {};
}

Status LogDatabase::write_out(Position end) {
  rocksdb::WriteBatch marks;
  merge(marks, end, 2);
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  auto done = db_->Write(options, &marks);
  if (done.ok()) done = db_->Flush({}, families_);
  if (done.ok()) return {};
  return failure(rocksdb_error("write out", done));
}

}  // namespace citas

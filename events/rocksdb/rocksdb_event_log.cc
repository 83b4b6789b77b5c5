#include "events/rocksdb/rocksdb_event_log.h"
#include "events/base/thread_name.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "events/base/check.h"
#include "events/record.h"
#include "events/rocksdb/log_database.h"

namespace citas {
namespace {

namespace fs = std::filesystem;

constexpr char kRunbook[] = "see ops/runbooks/corrupted-log.md";

std::string position_key(Position position) {
  std::string key;
  append_big_endian(key, position.value());
  return key;
}

std::string tag_key(const TagDigest& digest, Position position) {
  std::string key(reinterpret_cast<const char*>(digest.data()), digest.size());
  append_big_endian(key, position.value());
  return key;
}

rocksdb::Slice slice_of(const CommandKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

Error missing(Position position) {
  return {ErrorCode::kCorruption,
          "event log: position " + std::to_string(position.value()) + " is missing; " + kRunbook};
}

Error unreadable(Position position, const rocksdb::Status& status) {
  return rocksdb_error("read position " + std::to_string(position.value()), status);
}

// Held for as long as the log is open: one writer, or any number of readers.
class FolderLock {
 public:
  static Result<FolderLock> for_writing(const fs::path& folder) {
    return take(folder, O_RDWR | O_CREAT, LOCK_EX);
  }
  // Changes nothing: a copy without a lock file, or on a read-only disk, is read without a lock.
  static Result<FolderLock> for_reading(const fs::path& folder) {
    if (!fs::exists(folder / kFile)) return FolderLock(-1);
    return take(folder, O_RDONLY, LOCK_SH);
  }

  FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  static constexpr char kFile[] = "LOCK";

  static Result<FolderLock> take(const fs::path& folder, int flags, int operation) {
    const fs::path path = folder / kFile;
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (descriptor < 0) {
      return failure(ErrorCode::kUnavailable,
                     "event log: cannot open " + path.string() + "; check its permissions");
    }
    FolderLock lock(descriptor);
    if (::flock(descriptor, operation | LOCK_NB) != 0) {
      return failure(
          ErrorCode::kFailedPrecondition,
          "event log: " + folder.string() +
              " is in use by another process; stop that one first, or ask it with --url");
    }
    return lock;
  }

  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// Syncs the head marker behind the writer's back: at most one batch later.
class MarkerSync {
 public:
  explicit MarkerSync(HeadMarker& marker)
      : marker_(marker), thread_([this](std::stop_token stop) { run(stop); }) {}

  // Returns the result of the sync that was under way.
  Status wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !pending_; });
    return status_;
  }
  void begin() {
    {
      const std::lock_guard lock(mutex_);
      pending_ = true;
    }
    changed_.notify_all();
  }

 private:
  void run(std::stop_token stop) {
    name_this_thread("marker-sync");
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [&] { return pending_; })) {
      lock.unlock();
      const Status synced = marker_.sync();
      lock.lock();
      if (!synced) status_ = synced;
      pending_ = false;
      changed_.notify_all();
    }
  }

  HeadMarker& marker_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool pending_ = false;  // guarded by mutex_
  Status status_;         // guarded by mutex_; a failure stays
  std::jthread thread_;
};

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

class Log final : public RocksDbEventLog {
 public:
  Log(const Codec& codec, LogDatabase database, LogMeta meta, ChainState end, MarkedHead marked)
      : codec_(codec),
        database_(std::move(database)),
        meta_(std::move(meta)),
        marked_(marked),
        state_(end),
        head_(end.head),
        committed_(end.head.position.value()) {}

  ~Log() override {
    if (marker_sync_) static_cast<void>(marker_sync_->wait());
  }

  // Keeps others out while the log is open.
  void keep(FolderLock lock) { lock_.emplace(std::move(lock)); }

  // Allows append(). Takes over what marks the log.
  Status enable_writing(HeadMarker marker) {
    marker_.emplace(std::move(marker));
    marker_sync_.emplace(*marker_);
    // Events behind the marker were durable but perhaps never acknowledged: now they count.
    return mark(state_.head);
  }

  const LogIdentity& identity() const override { return meta_.identity; }
  Epoch epoch() const override { return meta_.epoch; }
  std::string_view fingerprint_key() const override { return meta_.fingerprint_key; }
  const MarkedHead& marked_head() const override { return marked_; }

  Result<Head> append(const AppendBatch& batch) override;
  void commit(Position position) override;
  Head head() const override {
    const std::lock_guard lock(head_mutex_);
    return head_;
  }
  Position committed() const override { return Position{committed_.load()}; }

  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override;
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override;
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override;
  void add_commit_listener(std::function<void(Position)> listener) override {
    listeners_.push_back(std::move(listener));
  }

 private:
  Status mark(const Head& head);
  Result<Head> poison(const Error& error);
  Status read_single(Position position, const RecordVisitor& visit) const;
  // Visits one indexed record; `more` becomes false when the visitor has seen enough.
  Status visit_tagged(const TagDigest& digest, Position position, const RecordVisitor& visit,
                      bool& more) const;

  const Codec& codec_;
  LogDatabase database_;
  const LogMeta meta_;
  const MarkedHead marked_;
  std::vector<std::function<void(Position)>> listeners_;

  // The writer's.
  ChainState state_;
  bool poisoned_ = false;
  std::optional<FolderLock> lock_;
  std::optional<HeadMarker> marker_;
  std::optional<MarkerSync> marker_sync_;

  mutable std::mutex head_mutex_;
  Head head_;  // guarded by head_mutex_
  std::atomic<std::uint64_t> committed_;
};

Status Log::mark(const Head& head) {
  if (const Status synced = marker_sync_->wait(); !synced) return synced;
  if (const Status written = marker_->write(head); !written) return written;
  marker_sync_->begin();
  return {};
}

Result<Head> Log::poison(const Error& error) {
  poisoned_ = true;
  return failure(ErrorCode::kUnknownOutcome, error.message);
}

Result<Head> Log::append(const AppendBatch& batch) {
  if (!marker_) return failure(ErrorCode::kFailedPrecondition, "event log: opened read-only");
  if (poisoned_) {
    return failure(ErrorCode::kUnavailable, "event log: a write has failed; restart the server");
  }
  ChainState next = state_;
  rocksdb::WriteBatch writes;
  for (const NewRecord& record : batch.records) {
    const std::string stored = extend(next, record.time, record.bytes);
    writes.Put(database_.events(), position_key(next.head.position), stored);
    for (const Tag& tag : record.tags) {
      writes.Put(database_.tags(), tag_key(digest_of(record.tenant, tag), next.head.position), "");
    }
  }
  for (const CommandResult& result : batch.results) {
    CHECK(result.value.size() <= kMaxCommandResultSize);
    writes.Put(database_.results(), slice_of(result.key), result.value);
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (const auto written = database_.db().Write(synced, &writes); !written.ok()) {
    return poison(rocksdb_error("append", written));
  }
  if (const Status marked = mark(next.head); !marked) return poison(marked.error());
  state_ = next;
  const std::lock_guard lock(head_mutex_);
  head_ = state_.head;
  return head_;
}

void Log::commit(Position position) {
  CHECK(position.value() >= committed_.load() && position <= state_.head.position);
  committed_.store(position.value());
  for (const auto& listener : listeners_) listener(position);
}

Status Log::read_single(Position position, const RecordVisitor& visit) const {
  rocksdb::PinnableSlice stored;
  const auto got = database_.db().Get({}, database_.events(), position_key(position), &stored);
  if (got.IsNotFound()) return failure(missing(position));
  if (!got.ok()) return failure(unreadable(position, got));
  const auto record = decode_record(position, stored.ToStringView());
  if (!record) return failure(record.error());
  visit(*record);
  return {};
}

Status Log::read(Position after, std::size_t limit, const RecordVisitor& visit) const {
  const Position last = committed();
  if (after >= last || limit == 0) return {};
  Position expected{after.value() + 1};
  if (limit == 1) return read_single(expected, visit);
  rocksdb::ReadOptions options;
  options.readahead_size = std::size_t{2} << 20;
  const std::unique_ptr<rocksdb::Iterator> at(
      database_.db().NewIterator(options, database_.events()));
  for (at->Seek(position_key(expected)); limit > 0 && expected <= last; at->Next(), --limit) {
    if (!at->status().ok()) return failure(unreadable(expected, at->status()));
    if (!at->Valid() || at->key() != position_key(expected)) return failure(missing(expected));
    const auto record = decode_record(expected, at->value().ToStringView());
    if (!record) return failure(record.error());
    if (!visit(*record)) return {};
    expected = Position{expected.value() + 1};
  }
  return {};
}

Status Log::visit_tagged(const TagDigest& digest, Position position, const RecordVisitor& visit,
                         bool& more) const {
  Status checked;
  const Status read = read_single(position, [&](const RecordView& record) {
    const auto event = codec_.decode(record.bytes);
    if (!event) {
      checked = failure(event.error());
      return false;
    }
    const auto tags = tags_of(event->data);
    const bool carries = std::ranges::any_of(
        tags, [&](const Tag& tag) { return digest_of(event->tenant, tag) == digest; });
    if (!carries) {
      checked = failure(ErrorCode::kCorruption, "event log: the tag index points to position " +
                                                    std::to_string(position.value()) +
                                                    ", which lacks the tag; " + kRunbook);
      return false;
    }
    more = visit(record);
    return more;
  });
  return read ? checked : read;
}

Status Log::read_tag(const TagQuery& query, const RecordVisitor& visit) const {
  const TagDigest digest = digest_of(query.tenant, query.tag);
  const Position visible = query.visibility == Visibility::kHead ? head().position : committed();
  const Position last = std::min(query.last, visible);
  if (query.first > last) return {};
  const bool forward = query.direction == Direction::kForward;
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;
  const std::unique_ptr<rocksdb::Iterator> at(
      database_.db().NewIterator(options, database_.tags()));
  if (forward) {
    at->Seek(tag_key(digest, query.first));
  } else {
    at->SeekForPrev(tag_key(digest, last));
  }
  bool more = true;
  for (; more && at->Valid(); forward ? at->Next() : at->Prev()) {
    const std::string_view key = at->key().ToStringView();
    const Position position{read_big_endian(key.substr(sizeof digest))};
    if (position < query.first || position > last) break;
    if (const Status visited = visit_tagged(digest, position, visit, more); !visited) {
      return visited;
    }
  }
  if (!at->status().ok()) return failure(rocksdb_error("read the tag index", at->status()));
  return {};
}

Result<std::optional<std::string>> Log::command_result(const CommandKey& key) const {
  std::string value;
  const auto got = database_.db().Get({}, database_.results(), slice_of(key), &value);
  if (got.IsNotFound()) return std::nullopt;
  if (!got.ok()) return failure(rocksdb_error("read a command's outcome", got));
  return value;
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

Result<std::unique_ptr<RocksDbEventLog>> open_for_writing(const fs::path& folder,
                                                          const Codec& codec, FolderLock lock,
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
  auto log = std::make_unique<Log>(codec, *std::move(database), checked.meta, *end, checked.marked);
  log->keep(std::move(lock));
  const Status enabled = log->enable_writing(*std::move(marker));
  if (!enabled) return failure(enabled.error());
  return log;
}

}  // namespace

Result<std::unique_ptr<RocksDbEventLog>> RocksDbEventLog::open(const fs::path& folder,
                                                               const Codec& codec, IdSource& ids,
                                                               Mode mode) {
  const bool writing = mode == Mode::kWrite;
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
    const auto result = check(folder, *database, mode != Mode::kInspect);
    if (!result) return failure(result.error());
    if (!writing) {
      auto log = std::make_unique<Log>(codec, *std::move(database), result->meta, result->end,
                                       result->marked);
      log->keep(*std::move(lock));
      return log;
    }
    checked = *result;
  }
  return open_for_writing(folder, codec, *std::move(lock), *checked);
}

}  // namespace citas

#include "events/rocksdb/rocksdb_event_log.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "events/base/big_endian.h"
#include "events/base/check.h"
#include "events/base/thread_name.h"
#include "events/record.h"
#include "events/rocksdb/log_database.h"
#include "events/rocksdb/log_opening.h"

namespace citas {
namespace {

namespace fs = std::filesystem;

Error missing(Position position) {
  return {ErrorCode::kCorruption,
          "event log: position " + std::to_string(position.value()) + " is missing; " + kRunbook};
}

Error unreadable(Position position, const rocksdb::Status& status) {
  return rocksdb_error("read position " + std::to_string(position.value()), status);
}

// Syncs the head marker behind the writer's back: at most one batch later. Its end waits for a sync
// that has begun.
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

// Whether `event`, which lacks the tag sought, may be in the index under its digest all the same.
bool shares_digest(const Event& event, const std::vector<Tag>& tags, const TagQuery& query) {
  const TagDigest sought = digest_of(query.tenant, query.tag);
  return std::ranges::any_of(
      tags, [&](const Tag& tag) { return digest_of(event.tenant, tag) == sought; });
}

class Log final : public RocksDbEventLog {
 public:
  Log(const Codec& codec, OpenedLog opened)
      : codec_(codec),
        lock_(std::move(opened.lock)),
        database_(std::move(opened.database)),
        meta_(std::move(opened.meta)),
        marked_(opened.marked),
        state_(opened.end),
        batches_(opened.written.batch),
        marker_(std::move(opened.marker)),
        head_(opened.end.head),
        committed_(opened.end.head.position.value()) {
    if (marker_) marker_sync_.emplace(*marker_);
  }

  // Events behind the marker were durable but perhaps never acknowledged: now they count.
  Status mark_end() { return mark(state_.head); }

  const LogIdentity& identity() const override { return meta_.identity; }
  Epoch epoch() const override { return meta_.epoch; }
  std::string_view fingerprint_key() const override { return meta_.fingerprint_key; }
  const MarkedHead& marked_head() const override { return marked_; }
  Status check_in_place() const override {
    return lock_.check_in_place().map_error([](const Error& why) {
      return Error{why.code, "event log: " + why.message};
    });
  }

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
  Status read_results(Position first, Position last, const ResultVisitor& visit) const override;
  void add_commit_listener(std::function<void(Position)> listener) override {
    listeners_.push_back(std::move(listener));
  }

 private:
  // All that `batch` writes; `next` goes on to where the log ends then.
  rocksdb::WriteBatch stage(const AppendBatch& batch, ChainState& next) const;
  Status mark(const Head& head);
  Result<Head> poison(const Error& error);
  Result<Head> placed_elsewhere(const Error& error);
  Status read_single(Position position, const RecordVisitor& visit) const;
  // Visits one indexed record; `more` becomes false when the visitor has seen enough.
  Status visit_tagged(const TagQuery& query, Position position, const RecordVisitor& visit,
                      bool& more) const;

  const Codec& codec_;
  const FolderLock lock_;  // released after all else is closed
  LogDatabase database_;
  const LogMeta meta_;
  const MarkedHead marked_;
  std::vector<std::function<void(Position)>> listeners_;

  // The writer's.
  ChainState state_;
  std::uint64_t batches_;  // ever written
  bool poisoned_ = false;
  std::optional<HeadMarker> marker_;  // when open for writing
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

// Nothing was done, and nothing will be.
Result<Head> Log::placed_elsewhere(const Error& error) {
  poisoned_ = true;
  return failure(error);
}

Result<Head> Log::append(const AppendBatch& batch) {
  if (!marker_) return failure(ErrorCode::kFailedPrecondition, "event log: opened read-only");
  if (poisoned_) {
    return failure(ErrorCode::kUnavailable, "event log: a write has failed; restart the server");
  }
  // Before the write, which may have files made, renamed and deleted by name in what is another's
  // folder by now.
  if (const Status placed = check_in_place(); !placed) return placed_elsewhere(placed.error());
  ChainState next = state_;
  rocksdb::WriteBatch writes = stage(batch, next);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (const auto written = database_.db().Write(synced, &writes); !written.ok()) {
    return poison(rocksdb_error("append", written));
  }
  if (const Status marked = mark(next.head); !marked) return poison(marked.error());
  // After it: whoever takes the folder from now on finds what is acknowledged.
  if (const Status placed = check_in_place(); !placed) return poison(placed.error());
  state_ = next;
  ++batches_;
  const std::lock_guard lock(head_mutex_);
  head_ = state_.head;
  return head_;
}

rocksdb::WriteBatch Log::stage(const AppendBatch& batch, ChainState& next) const {
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
    writes.Put(database_.result_list(),
               listed_key(listed_at(result, state_.head.position), result.key), result.value);
  }
  database_.merge(writes, next.head.position, batches_ + 1);
  return writes;
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

Status Log::visit_tagged(const TagQuery& query, Position position, const RecordVisitor& visit,
                         bool& more) const {
  Status checked;
  const Status read = read_single(position, [&](const RecordView& record) {
    const auto event = codec_.decode(record.bytes);
    if (!event) {
      checked = failure(event.error());
      return false;
    }
    const auto tags = tags_of(event->data);
    if (event->tenant != query.tenant || std::ranges::find(tags, query.tag) == tags.end()) {
      if (shares_digest(*event, tags, query)) return true;
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
    const Position position{read_big_endian<std::uint64_t>(key, sizeof digest)};
    if (position < query.first || position > last) break;
    if (const Status visited = visit_tagged(query, position, visit, more); !visited) {
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

Status Log::read_results(Position first, Position last, const ResultVisitor& visit) const {
  if (database_.result_list() == nullptr) {
    return failure(ErrorCode::kFailedPrecondition,
                   "event log: it was last written by an earlier version of citas, which listed no "
                   "outcomes; start a server of this version on it once");
  }
  const std::unique_ptr<rocksdb::Iterator> at(
      database_.db().NewIterator({}, database_.result_list()));
  // No event lies at position 0; the write mark does.
  for (at->Seek(position_key(std::max(first, Position{1}))); at->Valid(); at->Next()) {
    const auto result = listed_result(at->key().ToStringView(), at->value().ToStringView());
    if (!result) {
      return failure(ErrorCode::kCorruption,
                     std::string("event log: a listed outcome is damaged; ") + kRunbook);
    }
    if (result->position > last || !visit(*result)) break;
  }
  if (!at->status().ok()) return failure(rocksdb_error("read the outcomes", at->status()));
  return {};
}

}  // namespace

Result<std::unique_ptr<RocksDbEventLog>> RocksDbEventLog::open(const fs::path& folder,
                                                               const Codec& codec, IdSource& ids,
                                                               Mode mode,
                                                               const LogStorage& storage) {
  auto opened = open_log(folder, ids, mode, storage);
  if (!opened) return failure(std::move(opened.error()));
  auto log = std::make_unique<Log>(codec, *std::move(opened));
  if (mode != Mode::kWrite) return log;
  if (const Status marked = log->mark_end(); !marked) return failure(marked.error());
  return log;
}

}  // namespace citas

#include "events/rocksdb/log_opening.h"

#include <string>

#include "events/rocksdb/disk_folder.h"
#include "events/rocksdb/rocksdb_log_import.h"

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

// The id that a new log gets: from the marker, if an earlier creation was cut short behind it.
Result<LogId> begin_creation(const fs::path& folder, IdSource& ids, const LogStorage& storage) {
  const auto marked = HeadMarker::read(folder / "HEAD", storage.disk);
  if (marked && marked->head.position.value() > 0) {
    return failure(ErrorCode::kCorruption, "event log: " + folder.string() +
                                               " has a head marker but no events; " + kRunbook);
  }
  if (marked) return marked->log;
  if (marked.error().code != ErrorCode::kNotFound) return failure(marked.error());
  const LogIdentity identity{LogId{ids.next()}};
  const auto marker = HeadMarker::create(
      folder / "HEAD", {identity.id, {Epoch{1}, Position{0}, identity.genesis()}}, storage.disk);
  if (!marker) return failure(marker.error());
  // Before there is a database: one without a marker would be refused.
  if (const Status synced = sync_folder(*storage.disk, folder); !synced) {
    return failure(synced.error());
  }
  return identity.id;
}

// Marker first, database second and under another name until it is whole: wherever a crash cuts
// this short, the next start goes on, and a log that had events is never taken for a new one.
Status create(const fs::path& folder, IdSource& ids, const LogStorage& storage) {
  const auto id = begin_creation(folder, ids, storage);
  if (!id) return failure(id.error());
  const fs::path unfinished = folder / "db.new";
  if (const Status removed = remove_files(*storage.disk, unfinished); !removed) return removed;
  const LogMeta meta{LogIdentity{*id}, Epoch{1}, LogDatabase::random_fingerprint_key()};
  if (const Status created = LogDatabase::create(unfinished, meta, storage); !created) {
    return created;
  }
  if (const Status renamed = rename(*storage.disk, unfinished, folder / "db"); !renamed) {
    return renamed;
  }
  const Status synced = sync_folder(*storage.disk, folder);
  return synced ? sync_folder(*storage.disk, folder.parent_path()) : synced;
}

// An empty log in the place of one that is being restored would be taken for it.
Status check_not_being_restored(const fs::path& folder, const LogStorage& storage) {
  const fs::path unfinished = unfinished_import_of(folder);
  const auto is_there = exists(*storage.disk, folder / "db");
  if (!is_there) return failure(is_there.error());
  const auto is_begun = exists(*storage.disk, unfinished);
  if (!is_begun) return failure(is_begun.error());
  if (*is_there || !*is_begun) return {};
  const bool is_restore = exists(*storage.disk, unfinished / kImportMark).value_or(false);
  return failure(
      ErrorCode::kFailedPrecondition,
      "event log: " + unfinished.string() +
          (is_restore ? " is a restore that has not finished; run citas backup restore again, "
                        "or delete that folder to start with an empty log"
                      : " is where a restore puts a log together, but it is none of a restore; "
                        "look into it: if it is the log, move it back to " +
                            folder.string() + "; if not, move it away"));
}

// A restore may have been cut short after the rename. With the mark, the log would pass for
// leftovers where somebody moves it.
Status remove_import_mark(const fs::path& folder, const LogStorage& storage) {
  const fs::path mark = folder / kImportMark;
  const auto is_there = exists(*storage.disk, mark);
  if (!is_there) return failure(is_there.error());
  if (!*is_there) return {};
  const Status removed = remove_file(*storage.disk, mark);
  return removed ? sync_folder(*storage.disk, folder) : removed;
}

Status find_or_create(const fs::path& folder, IdSource& ids, bool may_create,
                      const LogStorage& storage) {
  const auto is_there = exists(*storage.disk, folder / "db");
  if (!is_there) return failure(is_there.error());
  if (*is_there) return {};
  if (!may_create) {
    return failure(ErrorCode::kNotFound, "event log: there is none in " + folder.string());
  }
  if (const Status free = check_not_being_restored(folder, storage); !free) return free;
  return create(folder, ids, storage);
}

// A marker that is missing is as wrong as one that is damaged: starting again mends neither.
Error unreadable_marker(const fs::path& folder, const Error& why) {
  const std::string what = "event log in " + folder.string() + ": " + why.message;
  // A disk that does not answer is told by what says so.
  if (why.code == ErrorCode::kUnavailable) return {ErrorCode::kFailedPrecondition, what};
  return {ErrorCode::kCorruption, what + "; " + kRunbook};
}

struct Checked {
  LogMeta meta;
  ChainState end;
  WriteMark written;
  MarkedHead marked;
};

Result<Checked> check(const fs::path& folder, const LogDatabase& database, bool must_match,
                      const LogStorage& storage) {
  const auto meta = database.read_meta();
  if (!meta) return failure(meta.error());
  const auto end = database.read_end(*meta);
  if (!end) return failure(end.error());
  const auto marked = HeadMarker::read(folder / "HEAD", storage.disk);
  const auto written = database.read_write_mark(*meta, end->head.position);
  if (!must_match) {
    if (!written) return failure(written.error());
    return Checked{*meta, *end, *written, marked.value_or(MarkedHead{})};
  }
  if (!marked) return failure(unreadable_marker(folder, marked.error()));
  const Status matches = check_against_marker(database, *meta, end->head, *marked);
  if (!matches) return failure(matches.error());
  if (!written) return failure(written.error());
  return Checked{*meta, *end, *written, *marked};
}

Result<OpenedLog> open_for_writing(const fs::path& folder, FolderLock lock, const Checked& checked,
                                   const LogStorage& storage) {
  auto database = LogDatabase::open(folder / "db", LogDatabase::Access::kWrite, storage);
  if (!database) return failure(database.error());
  // The same log must come out of both openings.
  const auto end = database->read_end(checked.meta);
  if (!end) return failure(end.error());
  if (end->head != checked.end.head) {
    return failure(ErrorCode::kCorruption,
                   std::string("event log: recovery changed its end; ") + kRunbook);
  }
  const auto written = database->read_write_mark(checked.meta, end->head.position);
  if (!written) return failure(written.error());
  if (!checked.meta.has_write_marks) {
    const Status upgraded = database->add_write_marks(end->head.position);
    if (!upgraded) return failure(upgraded.error());
  }
  const Status listed = database->complete_result_list(end->head.position);
  if (!listed) return failure(listed.error());
  auto marker = HeadMarker::open(folder / "HEAD", storage.disk);
  if (!marker) return failure(marker.error());
  return OpenedLog{std::move(lock), *std::move(database), checked.meta,      *end,
                   *written,        checked.marked,       *std::move(marker)};
}

// What the marker says before the log is opened is final by then, and so is seen in it. No lock:
// the server has it.
Result<OpenedLog> open_beside_writer(const fs::path& folder, const LogStorage& storage) {
  const auto marked = HeadMarker::read(folder / "HEAD", storage.disk);
  if (!marked) return failure(unreadable_marker(folder, marked.error()));
  auto database = LogDatabase::open(folder / "db", LogDatabase::Access::kFollow, storage);
  if (!database) return failure(database.error());
  const auto meta = database->read_meta();
  if (!meta) return failure(meta.error());
  auto end = database->read_end(*meta);
  if (!end) return failure(end.error());
  const Status matches = check_against_marker(*database, *meta, end->head, *marked);
  if (!matches) return failure(matches.error());
  end->head = marked->head;
  // No look at the write marks: a follower may have a batch in memory and in a table, and so count
  // it twice. The server has looked when it started.
  return OpenedLog{FolderLock::none(), *std::move(database), *meta, *end, {}, *marked,
                   std::nullopt};
}

Result<OpenedLog> open_for_reading(const fs::path& folder, FolderLock lock, bool must_match,
                                   const LogStorage& storage) {
  auto database = LogDatabase::open(folder / "db", LogDatabase::Access::kRead, storage);
  if (!database) return failure(database.error());
  const auto checked = check(folder, *database, must_match, storage);
  if (!checked) return failure(checked.error());
  return OpenedLog{std::move(lock),  *std::move(database), checked->meta, checked->end,
                   checked->written, checked->marked,      std::nullopt};
}

// Read-only: what RocksDB's recovery would delete is still there when it is refused.
Result<Checked> check_before_writing(const fs::path& folder, const LogStorage& storage) {
  const auto database = LogDatabase::open(folder / "db", LogDatabase::Access::kRead, storage);
  if (!database) return failure(database.error());
  return check(folder, *database, /*must_match=*/true, storage);
}

fs::path absolute_folder(const fs::path& given) {
  fs::path folder = fs::absolute(given).lexically_normal();
  return folder.has_filename() ? folder : folder.parent_path();  // "log/"
}

Error not_ours(const Error& why, bool writing) {
  Error told{why.code, "event log: " + why.message};
  if (why.code == ErrorCode::kFailedPrecondition) {
    told.message += writing ? "; stop that one first"
                            : "; stop that one first, ask it with --url where this command takes "
                              "that, or look at a copy";
  }
  return told;
}

}  // namespace

Result<OpenedLog> open_log(const fs::path& given, IdSource& ids, RocksDbEventLog::Mode mode,
                           const LogStorage& storage) {
  const bool writing = mode == RocksDbEventLog::Mode::kWrite;
  const fs::path folder = absolute_folder(given);
  // To RocksDB, what this user may not see is not there.
  if (const Status accessible = check_accessible(folder); !accessible) {
    return failure(accessible.error().code, "event log: " + accessible.error().message);
  }
  if (mode == RocksDbEventLog::Mode::kFollow) {
    const Status found = find_or_create(folder, ids, /*may_create=*/false, storage);
    return found ? open_beside_writer(folder, storage) : failure(found.error());
  }
  if (writing) {
    // A restore takes the place of nothing, not even of an empty folder's lock: none is made.
    const Status free = check_not_being_restored(folder, storage);
    if (!free) return failure(free.error());
    const Status made = make_folder(*storage.disk, folder);
    if (!made) return failure(made.error());
  }
  auto lock = writing ? FolderLock::for_writing(folder) : FolderLock::for_reading(folder);
  if (!lock) return failure(not_ours(lock.error(), writing));
  if (const Status found = find_or_create(folder, ids, writing, storage); !found) {
    return failure(found.error());
  }
  if (!writing) {
    const bool must_match = mode != RocksDbEventLog::Mode::kInspect;
    return open_for_reading(folder, *std::move(lock), must_match, storage);
  }
  const auto checked = check_before_writing(folder, storage);
  if (!checked) return failure(checked.error());
  // From now on it is more than what a restore has made.
  if (const Status removed = remove_import_mark(folder, storage); !removed) {
    return failure(removed.error());
  }
  return open_for_writing(folder, *std::move(lock), *checked, storage);
}

}  // namespace citas

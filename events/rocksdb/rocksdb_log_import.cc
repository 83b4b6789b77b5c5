#include "events/rocksdb/rocksdb_log_import.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "events/record.h"
#include "events/rocksdb/disk_folder.h"
#include "events/rocksdb/head_marker.h"
#include "events/rocksdb/layout.h"
#include "events/rocksdb/rocksdb_event_log.h"

namespace citas {
namespace {

namespace fs = std::filesystem;

// Reading a log makes no ids.
class NoIds final : public IdSource {
 public:
  Uuid next() override { return {}; }
};

// Nothing is durable before finish(), which writes the tables out: a log of it would be for
// nothing.
Status write(const LogDatabase& database, rocksdb::WriteBatch& writes) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  const auto written = database.db().Write(options, &writes);
  if (written.ok()) return {};
  return failure(rocksdb_error("restore", written));
}

}  // namespace

fs::path unfinished_import_of(const fs::path& folder) {
  return fs::absolute(folder).lexically_normal().string() + ".restoring";
}

RocksDbLogImport::RocksDbLogImport(fs::path folder, const LogStorage& storage)
    : folder_(std::move(folder)), unfinished_(unfinished_import_of(folder_)), storage_(storage) {}

RocksDbLogImport::~RocksDbLogImport() = default;

Status RocksDbLogImport::check_place_is_free() const {
  // To RocksDB, what this user may not look into is not there.
  if (const Status accessible = check_accessible(folder_); !accessible) return accessible;
  const auto names = names_in(*storage_.disk, folder_);
  if (!names) return failure(names.error());
  if (names->empty()) return {};
  return failure(ErrorCode::kFailedPrecondition,
                 folder_.string() +
                     " holds something, and a restore never writes over a log; move it away first");
}

// What is restored takes its place by a rename, which no link, file or mounted disk lets happen.
// Said before the copying, which may take hours.
Status RocksDbLogImport::check_place_can_be_taken() const {
  struct stat place {};
  struct stat parent {};
  if (::lstat(folder_.c_str(), &place) != 0) return {};  // nothing is there
  const bool is_link = S_ISLNK(place.st_mode);
  const bool is_folder = S_ISDIR(place.st_mode);
  const bool is_mounted = ::stat(fs::absolute(folder_).parent_path().c_str(), &parent) == 0 &&
                          parent.st_dev != place.st_dev;
  if (is_folder && !is_mounted) return {};
  const char* const what = is_link     ? " is a link"
                           : is_folder ? " is a disk of its own"
                                       : " is no folder";
  return failure(ErrorCode::kFailedPrecondition,
                 folder_.string() + what +
                     ", which a restored log cannot take the place of; restore to another folder "
                     "on the disk that you want, with a --data of its own, and start the server "
                     "on that");
}

Status RocksDbLogImport::check_only_leftovers() const {
  static const std::set<std::string> kAlways{kImportMark, "LOCK"};
  static const std::set<std::string> kWhereMarked{"db", "HEAD", "HEAD.new"};
  if (const Status accessible = check_accessible(unfinished_); !accessible) return accessible;
  const auto names = names_in(*storage_.disk, unfinished_);
  if (!names) return failure(names.error());
  const bool is_marked = std::ranges::find(*names, kImportMark) != names->end();
  for (const std::string& name : *names) {
    if (kAlways.contains(name) || (is_marked && kWhereMarked.contains(name))) continue;
    return failure(ErrorCode::kFailedPrecondition,
                   (unfinished_ / name).string() +
                       " is nothing that an unfinished restore has left, and would be lost or "
                       "become part of the log; move " +
                       unfinished_.string() + " away, and give the command again");
  }
  return {};
}

Status RocksDbLogImport::mark() const {
  const fs::path path = unfinished_ / kImportMark;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  auto made = storage_.disk->NewWritableFile(path, {}, &file, nullptr);
  if (made.ok()) made = file->Close({}, nullptr);
  if (!made.ok()) return failure(rocksdb_error("restore", made));
  return sync_folder(*storage_.disk, unfinished_);
}

Status RocksDbLogImport::remove_leftovers() const {
  for (const char* left : {"HEAD", "HEAD.new"}) {
    const Status removed = remove_file(*storage_.disk, unfinished_ / left);
    if (!removed) return removed;
  }
  return remove_files(*storage_.disk, unfinished_ / "db");
}

Status RocksDbLogImport::begin(const LogIdentity& log, Epoch epoch,
                               std::string_view fingerprint_key) {
  if (const Status free = check_place_is_free(); !free) return free;
  if (const Status taken = check_place_can_be_taken(); !taken) return taken;
  if (const Status ours = check_only_leftovers(); !ours) return ours;
  if (const Status made = make_folder(*storage_.disk, unfinished_); !made) return made;
  auto lock = FolderLock::for_writing(unfinished_);
  if (!lock) return failure(lock.error());
  lock_.emplace(*std::move(lock));
  if (const Status marked = mark(); !marked) return marked;
  if (const Status removed = remove_leftovers(); !removed) return removed;
  log_ = log;
  const fs::path db = unfinished_ / "db";
  const LogMeta meta{log, epoch, std::string(fingerprint_key)};
  if (const Status created = LogDatabase::create(db, meta, storage_); !created) return created;
  auto database = LogDatabase::open(db, LogDatabase::Access::kWrite, storage_);
  if (!database) return failure(database.error());
  database_ = std::make_unique<LogDatabase>(*std::move(database));
  return {};
}

Status RocksDbLogImport::add(std::span<const backup::ImportedRecord> records) {
  rocksdb::WriteBatch writes;
  for (const auto& [record, tenant, tags] : records) {
    writes.Put(database_->events(), position_key(record.position),
               encode_record(record.epoch, record.running_maximum, record.hash, record.bytes));
    for (const Tag& tag : tags) {
      writes.Put(database_->tags(), tag_key(digest_of(tenant, tag), record.position), "");
    }
  }
  return write(*database_, writes);
}

Status RocksDbLogImport::add(std::span<const ListedResult> results) {
  rocksdb::WriteBatch writes;
  for (const ListedResult& result : results) {
    const rocksdb::Slice value(result.value.data(), result.value.size());
    writes.Put(database_->results(), slice_of(result.key), value);
    writes.Put(database_->result_list(), listed_key(result.position, result.key), value);
  }
  return write(*database_, writes);
}

Result<std::unique_ptr<EventLog>> RocksDbLogImport::finish(const Head& head, const Codec& codec) {
  if (const Status written = database_->write_out(head.position); !written)
    return failure(written.error());
  database_.reset();
  const auto marker = HeadMarker::create(unfinished_ / "HEAD", {log_.id, head}, storage_.disk);
  if (!marker) return failure(marker.error());
  if (const Status synced = sync_folder(*storage_.disk, unfinished_); !synced) {
    return failure(synced.error());
  }
  lock_.reset();
  NoIds ids;
  auto log =
      RocksDbEventLog::open(unfinished_, codec, ids, RocksDbEventLog::Mode::kReadOnly, storage_);
  if (!log) return failure(log.error());
  return std::unique_ptr<EventLog>(*std::move(log));
}

Status RocksDbLogImport::publish() {
  const auto lock = FolderLock::for_writing(unfinished_);  // another restore may be there by now
  if (!lock) return failure(lock.error());
  // Takes the place of an empty folder, never of one that holds something.
  if (const Status renamed = rename(*storage_.disk, unfinished_, folder_); !renamed) {
    const Status free = check_place_is_free();
    return free ? renamed : free;
  }
  const Status synced = sync_folder(*storage_.disk, fs::absolute(folder_).parent_path());
  if (!synced) return synced;
  const Status unmarked = remove_file(*storage_.disk, folder_ / kImportMark);
  return unmarked ? sync_folder(*storage_.disk, folder_) : unmarked;
}

}  // namespace citas

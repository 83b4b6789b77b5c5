// LogDatabase: the RocksDB instance of a log, opened and laid out, and what its meta says.
//
// Internal to this folder; see rocksdb_event_log.h for the layout.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.h"
#include "events/base/scratch_folder.h"
#include "events/log_identity.h"
#include "events/record.h"
#include "events/rocksdb/layout.h"
#include "events/rocksdb/ordered_names.h"
#include "events/rocksdb/write_mark.h"

namespace citas {

// Where a log's files are, and how they are laid out in memory.
struct LogStorage {
  std::shared_ptr<rocksdb::FileSystem> disk = rocksdb::FileSystem::Default();
  std::size_t memtable_bytes = std::size_t{32} << 20;
};

struct LogMeta {
  LogIdentity identity;
  Epoch epoch;
  std::string fingerprint_key;
  bool has_write_marks = true;  // not before format version 2
};

// Where somebody whose log is damaged reads on.
inline constexpr char kRunbook[] = "see ops/runbooks/corrupted-log.md";

// Owns the instance; closes it on destruction.
class LogDatabase {
 public:
  enum class Access {
    kWrite,
    kRead,    // of one that nobody writes to
    kFollow,  // of one that another process may be writing to, as it was at some moment since
  };

  // A new, empty one, closed again. The folder must not exist.
  static Status create(const std::filesystem::path& folder, const LogMeta& meta,
                       const LogStorage& storage = {});
  static Result<LogDatabase> open(const std::filesystem::path& folder, Access access,
                                  const LogStorage& storage = {});
  static std::string random_fingerprint_key();

  LogDatabase(LogDatabase&&) = default;
  LogDatabase& operator=(LogDatabase&&) = delete;
  ~LogDatabase();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* meta() const { return families_[0]; }
  rocksdb::ColumnFamilyHandle* events() const { return families_[1]; }
  rocksdb::ColumnFamilyHandle* tags() const { return families_[2]; }
  rocksdb::ColumnFamilyHandle* results() const { return families_[3]; }
  // Null in a log that was last written by a version without that list, unless open for writing.
  rocksdb::ColumnFamilyHandle* result_list() const {
    return list_is_whole_ ? families_[4] : nullptr;
  }

  // FailedPrecondition: a format version that this program does not know. Corruption: incomplete.
  Result<LogMeta> read_meta() const;
  // The end of the log as stored: from its last record, or the genesis.
  Result<ChainState> read_end(const LogMeta& meta) const;
  // Makes result_list() whole. What earlier versions stored is listed at the log's end: a restore
  // to before it will not know those outcomes, which is safe, and any later one will.
  Status complete_result_list(Position end);
  // Makes what was written without a write-ahead log since create() durable, as the second batch.
  Status write_out(Position end);

  // The mark that all families agree on, complete, and of a log that ends at `end`. Corruption:
  // there is none.
  Result<WriteMark> read_write_mark(const LogMeta& meta, Position end) const;
  // Adds to `batch`, which is the mark's, and takes the log to its position.
  void merge(rocksdb::WriteBatch& batch, Position position, std::uint64_t number) const;
  // Gives marks to a log of format version 1, durably.
  Status add_write_marks(Position end);

 private:
  explicit LogDatabase(const LogStorage& storage)
      : storage_(storage),
        env_(rocksdb::NewCompositeEnv(std::make_shared<OrderedNames>(storage.disk))) {}
  rocksdb::Status create_families(const std::filesystem::path& folder);
  rocksdb::Status open_families(const std::filesystem::path& folder, Access access);
  Status follow(const std::filesystem::path& folder);

  LogStorage storage_;
  bool list_is_whole_ = false;
  std::optional<ScratchFolder> scratch_;  // kFollow's own files
  std::unique_ptr<rocksdb::Env> env_;     // outlives db_
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

// `what` names the operation. IOError and the like become Unavailable, damage Corruption.
Error rocksdb_error(std::string_view what, const rocksdb::Status& status);

}  // namespace citas

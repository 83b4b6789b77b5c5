// RocksDbReadStore: a ReadStore in a RocksDB of its own.
//
// There is no write-ahead log: whatever is lost is in the event log. A commit is one WriteBatch of
// one column family that holds the rows and the checkpoint. RocksDB puts a batch into a single
// memtable, writes memtables to disk as a whole, syncs each file before the manifest names it, and
// installs them in the order in which they were filled. So what survives a crash is the state after
// some earlier commit, with the checkpoint of exactly that commit. flush() and closing make it the
// latest one.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "projections/read_store.h"
#include "projections/write_marks.h"

namespace rocksdb {
class Cache;
class DB;
class Iterator;
}  // namespace rocksdb

namespace citas::projections {

// What the stores of one process share.
struct RocksDbReadStoreResources {
  std::shared_ptr<rocksdb::Cache> block_cache;
};
RocksDbReadStoreResources make_read_store_resources(std::size_t block_cache_bytes);

class RocksDbReadStore final : public ReadStore {
 public:
  enum class Mode {
    kCreate,    // in a folder that holds none
    kOpen,      // for writing; one process at a time
    kReadOnly,  // changes nothing on disk; sees what has been flushed
  };

  // Corruption: damaged or missing, to be built anew. Unavailable: not now (held by another
  // process, no permission, no space).
  static Result<std::shared_ptr<RocksDbReadStore>> open(const std::filesystem::path& folder,
                                                        Mode mode,
                                                        const RocksDbReadStoreResources& shared);
  ~RocksDbReadStore() override;
  RocksDbReadStore(const RocksDbReadStore&) = delete;
  RocksDbReadStore& operator=(const RocksDbReadStore&) = delete;

  Result<std::unique_ptr<ReadView>> view() const override;
  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::optional<Checkpoint>> checkpoint() const override;
  std::optional<Position> unchanged_since(std::string_view key, Revision since) const override;
  citas::Status commit(std::span<const Mutation> mutations, const Checkpoint& checkpoint) override;
  citas::Status flush() override;
  Result<bool> begin_flush() override;

  // Deletes the folder when the store is closed. Thread-safe.
  void delete_on_close() { delete_on_close_ = true; }

 private:
  RocksDbReadStore(std::filesystem::path folder, std::unique_ptr<rocksdb::DB> db);

  const std::filesystem::path folder_;
  std::unique_ptr<rocksdb::DB> db_;
  std::atomic<bool> delete_on_close_{false};
  // A sequence lock around position_: odd while a commit is being written. It tells a view which
  // commit it belongs to without a look-up. As a Revision, the even number before a commit.
  std::atomic<std::uint64_t> commit_sequence_{0};
  std::atomic<std::uint64_t> position_{0};
  WriteMarks marks_;  // by the odd numbers of commits; a commit leaves its marks before its writes
};

}  // namespace citas::projections

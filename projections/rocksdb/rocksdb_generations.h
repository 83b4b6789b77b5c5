// RocksDbGenerations: generations on disk.
//
//   <folder>/<name>/CURRENT           number of the generation that serves, decimal, and a newline
//   <folder>/<name>/<number>/         a RocksDbReadStore; eight digits or more
//   <folder>/<name>/CURRENT.new       a pointer that a crash left unfinished
//
// The pointer is replaced by rename, with the file and its folder synced. Everything here can be
// deleted while no process runs on it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "projections/generations.h"
#include "projections/rocksdb/rocksdb_read_store.h"

namespace citas::projections {

// Thread-safe.
class RocksDbGenerations final : public Generations {
 public:
  static constexpr std::size_t kDefaultBlockCacheBytes = 64 << 20;

  // `folder` is made when the first generation is.
  explicit RocksDbGenerations(std::filesystem::path folder,
                              std::size_t block_cache_bytes = kDefaultBlockCacheBytes);

  Result<std::optional<Generation>> current(std::string_view name) const override;
  Result<std::vector<Generation>> list(std::string_view name) const override;
  Result<std::shared_ptr<ReadStore>> create(std::string_view name, Generation number) override;
  Result<std::shared_ptr<ReadStore>> open(std::string_view name, Generation number) override;
  Result<std::shared_ptr<const ReadStore>> open_read_only(std::string_view name,
                                                          Generation number) const override;
  citas::Status make_current(std::string_view name, Generation number) override;
  citas::Status remove(std::string_view name, Generation number) override;

 private:
  Result<std::shared_ptr<ReadStore>> open_store(const std::filesystem::path& folder,
                                                RocksDbReadStore::Mode mode);
  std::filesystem::path folder_of(std::string_view name, Generation number) const;

  const std::filesystem::path folder_;
  const RocksDbReadStoreResources shared_;
  std::mutex mutex_;
  // Those that somebody may hold; guarded by mutex_.
  std::map<std::filesystem::path, std::weak_ptr<RocksDbReadStore>> open_;
};

}  // namespace citas::projections

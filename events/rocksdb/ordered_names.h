// OrderedNames: a file system on which no rename survives power loss without the names before it.
//
// RocksDB makes a manifest, syncs it, and renames a pointer to it into its place. It does not sync
// the folder in between: that the manifest's name survives if the pointer does is what journalling
// file systems give, and POSIX does not promise it. A pointer to a file that has no name is a log
// that does not open. So the folder is synced before each rename in it; renames are rare.
//
// Internal to this folder. Thread-safe as what it wraps.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

namespace citas {

class OrderedNames final : public rocksdb::FileSystemWrapper {
 public:
  explicit OrderedNames(const std::shared_ptr<rocksdb::FileSystem>& disk)
      : FileSystemWrapper(disk) {}

  const char* Name() const override { return "OrderedNames"; }
  // Fails when the folder of `to` cannot be synced.
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
};

}  // namespace citas

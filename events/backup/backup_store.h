// BackupStore: where backups lie. A flat set of named, immutable files, so that a folder, a mounted
// share or an object store can be one. Only names of file_name.h are a store's: of anything else
// that lies in the same place it knows nothing.
//
// Adapters: files/ (a folder) and memory/ (tests). Both pass tests/contract/backup.
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "events/base/result.h"

namespace citas::backup {

class BackupStore {
 public:
  virtual ~BackupStore() = default;

  // Every file of a backup, with its size in bytes. A write that was cut short left none.
  virtual Result<std::map<std::string, std::uint64_t, std::less<>>> list() const = 0;
  // NotFound: there is none of that name.
  virtual Result<std::string> read(std::string_view name) const = 0;
  // Durable when it returns ok; otherwise, and after a crash, the file is there whole or not at
  // all. Conflict: it exists. InvalidArgument: not a backup's file.
  virtual Status write(std::string_view name, std::string_view bytes) = 0;
  // OK when there is none. What was removed before is gone when this one is. InvalidArgument: not a
  // backup's file.
  virtual Status remove(std::string_view name) = 0;
};

}  // namespace citas::backup

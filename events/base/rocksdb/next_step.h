// What RocksDB's and its file systems' errors mean to whoever runs the program. Shared by adapters.
#pragma once

#include <rocksdb/status.h>

#include <string_view>

namespace citas {

// Whether what is stored is wrong; else it may be only out of reach. A file that others of the
// store speak of, and that is not there, is damage too: it will not come back.
inline bool is_damage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound();
}

// How a message about an error of the event log ends: what to do next. Empty where that is to try
// again.
inline std::string_view next_step(const rocksdb::Status& status) {
  if (is_damage(status)) return "; see ops/runbooks/corrupted-log.md";
  if (status.IsNoSpace()) return "; free some space on that disk, see ops/runbooks/disk-full.md";
  if (status.IsIOError()) return "; see ops/runbooks/disk-dying.md";
  // RocksDB's words for a file that it could open only when it tried again.
  if (status.IsInvalidArgument()) {
    return "; a file could not be opened at first (and no direct I/O is asked for), see "
           "ops/runbooks/disk-dying.md";
  }
  return "";
}

}  // namespace citas

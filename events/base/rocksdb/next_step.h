// What RocksDB's and its file systems' errors mean to whoever runs the program. Shared by adapters.
#pragma once

#include <rocksdb/status.h>

#include <string>
#include <string_view>

namespace citas {

// Whether what is stored is wrong; else it may be only out of reach. A file that others of the
// store speak of, and that is not there, is damage too: it will not come back.
inline bool is_damage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound();
}

// What an operator can do about a file that was refused, though no disk is to blame; else empty.
// RocksDB keeps of such an error its words only.
inline std::string_view next_step_of_refused(const rocksdb::Status& status) {
  const std::string words = status.ToString();
  const auto says = [&](std::string_view what) { return words.find(what) != std::string::npos; };
  if (says("Permission denied")) return "; run this as the user whom the data folder belongs to";
  if (says("Not a directory")) return "; check the path";
  if (says("File too large")) return "; raise the limit of a file's size (ulimit -f, LimitFSIZE=)";
  if (says("Too many open files")) return "; raise the limit of open files (citas doctor tells it)";
  return "";
}

// How a message about an error of the event log ends: what to do next. Empty where that is to try
// again.
inline std::string_view next_step(const rocksdb::Status& status) {
  if (const auto refused = next_step_of_refused(status); !refused.empty()) return refused;
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

// Opening a log: creation, recovery, and the checks that come before it.
//
// RocksDB's recovery deletes the evidence of damage, so a log is opened read-only first and
// compared with its head marker; only one that passes is opened for writing.
//
// Internal to this folder; see rocksdb_event_log.h for the modes, the errors and the layout.
#pragma once

#include <filesystem>
#include <optional>

#include "events/base/folder.h"
#include "events/base/result.h"
#include "events/ids.h"
#include "events/record.h"
#include "events/rocksdb/head_marker.h"
#include "events/rocksdb/log_database.h"
#include "events/rocksdb/rocksdb_event_log.h"

namespace citas {

// Closed in the reverse order, so that the lock is released last.
struct OpenedLog {
  FolderLock lock;
  LogDatabase database;
  LogMeta meta;
  ChainState end;
  WriteMark written;
  MarkedHead marked;                 // what the marker said
  std::optional<HeadMarker> marker;  // when opened for writing
};

Result<OpenedLog> open_log(const std::filesystem::path& folder, IdSource& ids,
                           RocksDbEventLog::Mode mode, const LogStorage& storage);

}  // namespace citas

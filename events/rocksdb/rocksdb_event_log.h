// The durable EventLog: RocksDB for the records, and a head marker beside it.
//
// A log is a folder:
//   LOCK   held while a process has it open for writing
//   HEAD   the head marker (head_marker.h)
//   db/    RocksDB, one column family each for
//            default   meta: format, log id, partition, epoch, fingerprint key, list is whole
//            events    position, big-endian → record (record.h)
//            tags      tag digest ‖ position, big-endian → nothing
//            results   command key → outcome
//            result_list  position, big-endian ‖ command key → outcome (EventLog::read_results)
//          tags, results and result_list also hold, under a key of zeros, a mark that every batch
//          is merged into (write_mark.h)
//
// Durability: append() returns after one write of the whole batch with the WAL synced; the marker
// is written before it returns, and synced at most one batch later and on close.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "events/base/clock.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "events/rocksdb/head_marker.h"
#include "events/rocksdb/log_database.h"

namespace citas {

class RocksDbEventLog : public EventLog {
 public:
  enum class Mode {
    kWrite,     // creates it where there is none; one process at a time
    kReadOnly,  // changes nothing on disk: for a stopped server's folder or a copy
    kInspect,   // read-only, and opens what the head marker says is damaged (citas verify)
    kFollow,    // read-only, beside a server that may be writing: what its marker had reached
  };

  // Opens read-only first and compares with the head marker; only a log that passes is opened for
  // writing, since that would destroy the evidence. `codec` is borrowed. `storage` has all files
  // but LOCK, which is between the processes of this machine.
  //   FailedPrecondition  held by another process; unknown format version; marker missing
  //   Corruption          the log ends before its marker, or is another log than the marker's
  //   NotFound            read-only, and there is no log
  //   Unavailable         this user may not look into the folder, or the disk does not answer
  static Result<std::unique_ptr<RocksDbEventLog>> open(const std::filesystem::path& folder,
                                                       const Codec& codec, IdSource& ids, Mode mode,
                                                       const LogStorage& storage = {});

  // What the marker said when the log was opened.
  virtual const MarkedHead& marked_head() const = 0;

  // Whether the folder is still where it was opened (FolderLock::check_in_place, and its errors).
  // append() looks too, before it writes and before it says that it has. A log that is not in its
  // place is best not closed: RocksDB tidies up by name. Any thread.
  virtual Status check_in_place() const = 0;
};

}  // namespace citas

// Create: copies what a log has committed into a backup, and proves each record while doing so.
//
// A full backup writes everything; an incremental one goes on from the segments of earlier backups
// that are a prefix of this log, which its hashes tell, and falls back to a full one where there
// are none. The manifest comes last: a run that is cut short leaves no backup, and what it wrote is
// cleared away by the next.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "events/backup/backup_store.h"
#include "events/backup/manifest.h"
#include "events/backup/retention.h"
#include "events/codec.h"
#include "events/event_log.h"

namespace citas::backup {

struct CopyProgress {
  std::uint64_t done;   // events copied by this run
  std::uint64_t total;  // events that it has to copy
  std::size_t bytes;    // read since the last call
};
// May sleep, so that the log's server is not slowed down.
using OnCopied = std::function<void(const CopyProgress&)>;

struct CreateOptions {
  bool full = false;
  // Full also when there is no whole full backup of this log that is younger.
  std::optional<std::chrono::milliseconds> full_if_older_than = {};
  Retention retention = {};
  // A segment holds no more than this, uncompressed, unless a single record is larger. At most
  // kMaxSegmentBytes.
  std::size_t segment_bytes = std::size_t{32} << 20;
  OnCopied on_copied = {};
};

struct Created {
  Manifest backup;
  std::vector<std::string> removed;  // ids of the backups that have expired
  std::vector<std::string> damaged;  // ids with damaged manifests; nothing is removed beside them
};

// Backs up what is committed now, then removes what has expired.
//   Corruption          the log is damaged; nothing is removed
//   FailedPrecondition  the store holds backups of another log
//   InvalidArgument     segments of that size could not be read
Result<Created> create(const EventLog& log, const Codec& codec, BackupStore& store, Timestamp now,
                       const CreateOptions& options);

}  // namespace citas::backup

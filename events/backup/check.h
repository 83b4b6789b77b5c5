// Check: reads every byte of backups and proves what is in them.
#pragma once

#include <functional>
#include <vector>

#include "events/backup/catalog.h"
#include "events/codec.h"
#include "events/verify.h"

namespace citas::backup {

struct CheckReport {
  std::size_t segments = 0;  // each once, however many backups share it
  std::uint64_t events = 0;
  std::uint64_t size_bytes = 0;
};

// Proves, for each of the backups, that it holds an unbroken chain of events from the log's first
// one on. Corruption: it does not; the message names the file or the position.
Result<CheckReport> check(
    const BackupStore& store, const Codec& codec, const std::vector<const Manifest*>& backups,
    const std::function<void(std::uint64_t done, std::uint64_t total)>& on_progress);

// Visits a segment's records in order, each proved to continue the one before, until `visit`
// returns false. Returns the state after the last one visited.
using VerifiedVisitor = std::function<bool(const RecordView&, const Event&)>;
Result<ChainState> visit_verified(const SegmentInfo& info, const Segment& segment,
                                  const Codec& codec, const VerifiedVisitor& visit);

}  // namespace citas::backup

// Restore: makes a log from a backup, whole or up to a position or a time.
//
// The log is the original one up to there: the same identity, records, hashes and outcomes of
// commands. Its epoch is another, so that all that follows it can tell this future of the log from
// those that were given up.
#pragma once

#include <functional>
#include <variant>

#include "events/backup/backup_store.h"
#include "events/backup/log_import.h"
#include "events/backup/manifest.h"
#include "events/codec.h"

namespace citas::backup {

// All of it; up to a position; or the longest prefix whose running maximum of time is not later.
using Until = std::variant<std::monostate, Position, Timestamp>;

enum class RestorePhase { kCopying, kVerifying };

struct RestoreOptions {
  Until until = {};
  // In each phase `done` reaches `total`. Up to a time, `total` is an upper bound while copying,
  // and shrinks to what there is once that is known.
  std::function<void(RestorePhase phase, Position done, Position total)> on_progress = {};
};

struct Restored {
  ChainState end;
  Epoch epoch;  // the new one
};

// The epoch of a log restored at `now`: the second, so that two restores of one backup differ, and
// in any case a later one than `last`. FailedPrecondition: by a clock near the end of the epochs,
// which would leave none for later restores, or `last` is the last of all.
Result<Epoch> next_epoch(Epoch last, Timestamp now);

// Proves every record while copying it, and the whole log again as it was written, before it gets
// its name.
//   InvalidArgument  the backup ends before `until`, or its first event lies behind it: the target
//                    is as it was
//   Corruption       the backup is damaged; nothing was restored
//   FailedPrecondition  there is no next epoch (above)
// and what LogImport says.
Result<Restored> restore(const BackupStore& store, const Manifest& backup, const Codec& codec,
                         LogImport& target, Timestamp now, const RestoreOptions& options);

}  // namespace citas::backup

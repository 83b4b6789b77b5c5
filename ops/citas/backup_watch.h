// BackupWatch: how old the last backup of a log is.
//
// Backups are made by others, when nobody looks. So the server looks at the place itself: a timer
// that was switched off, a disk that is full or not mounted, and backups that somebody deleted show
// in the same figure.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "events/base/result.h"
#include "events/base/time.h"
#include "events/log_identity.h"

namespace citas::ops {

// Backups are made once an hour; three that did not come are no chance. The alert CitasBackupTooOld
// has the same.
inline constexpr std::chrono::hours kBackupTooOld{3};

// When the newest backup of this log was made of which no file is missing or cut short; nullopt:
// there is none. Takes no lock. NotFound: there is no such folder. Unavailable: the disk.
Result<std::optional<Timestamp>> last_backup(const std::filesystem::path& folder,
                                             const LogIdentity& log);

// Looks once a minute, on a thread of its own: a share that hangs holds up nobody else.
// Thread-safe.
class BackupWatch {
 public:
  BackupWatch(std::filesystem::path folder, LogIdentity log,
              std::chrono::milliseconds interval = std::chrono::minutes{1});

  // Infinite without a backup, or where the place cannot be read. Nullopt until it has been looked
  // at. It grows on while a look hangs.
  std::optional<std::chrono::duration<double>> age(Timestamp now) const;

 private:
  void run(const std::stop_token& stop);

  const std::filesystem::path folder_;
  const LogIdentity log_;
  const std::chrono::milliseconds interval_;
  mutable std::mutex mutex_;
  std::condition_variable_any never_;
  bool looked_ = false;            // guarded by mutex_, as the next
  std::optional<Timestamp> last_;  // nullopt: no backup
  std::jthread thread_;
};

}  // namespace citas::ops

#include "ops/citas/backup_watch.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "events/backup/catalog.h"
#include "events/backup/files/file_backup_store.h"
#include "events/base/thread_name.h"

namespace citas::ops {

Result<std::optional<Timestamp>> last_backup(const std::filesystem::path& folder,
                                             const LogIdentity& log) {
  using backup::FileBackupStore;
  const auto store = FileBackupStore::open(folder, FileBackupStore::Access::kLook);
  if (!store) return failure(store.error());
  const auto catalog = backup::read_catalog(**store);
  if (!catalog) return failure(catalog.error());
  const backup::Manifest* newest = catalog->newest_whole(log);
  return newest == nullptr ? std::nullopt : std::optional(newest->created);
}

BackupWatch::BackupWatch(std::filesystem::path folder, LogIdentity log,
                         std::chrono::milliseconds interval)
    : folder_(std::move(folder)),
      log_(std::move(log)),
      interval_(interval),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

std::optional<std::chrono::duration<double>> BackupWatch::age(Timestamp now) const {
  using Seconds = std::chrono::duration<double>;
  const std::lock_guard lock(mutex_);
  if (!looked_) return std::nullopt;
  if (!last_) return Seconds(std::numeric_limits<double>::infinity());
  return std::max(Seconds(now - *last_), Seconds(0));
}

void BackupWatch::run(const std::stop_token& stop) {
  name_this_thread("backup-watch");
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    lock.unlock();
    auto found = last_backup(folder_, log_);
    // What expired while it was read is no longer there; the next look tells.
    std::error_code ignored;
    const bool has_moved = !found && found.error().code == ErrorCode::kNotFound &&
                           std::filesystem::is_directory(folder_, ignored);
    lock.lock();
    if (!has_moved) {
      last_ = found ? *found : std::nullopt;
      looked_ = true;
    }
    never_.wait_for(lock, stop, interval_, [] { return false; });
  }
}

}  // namespace citas::ops

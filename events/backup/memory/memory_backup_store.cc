#include "events/backup/memory/memory_backup_store.h"

#include "events/backup/file_name.h"

namespace citas::backup {

Result<std::map<std::string, std::uint64_t, std::less<>>> MemoryBackupStore::list() const {
  std::map<std::string, std::uint64_t, std::less<>> sizes;
  for (const auto& [name, bytes] : files_) {
    if (is_backup_file(name)) sizes.emplace(name, bytes.size());
  }
  return sizes;
}

Result<std::string> MemoryBackupStore::read(std::string_view name) const {
  const auto found = files_.find(name);
  if (found != files_.end()) return found->second;
  return failure(ErrorCode::kNotFound, "backups: there is no " + std::string(name));
}

Status MemoryBackupStore::write(std::string_view name, std::string_view bytes) {
  if (const Status ours = check_backup_file(name); !ours) return ours;
  if (files_.emplace(name, bytes).second) return {};
  return failure(ErrorCode::kConflict, "backups: " + std::string(name) + " exists");
}

Status MemoryBackupStore::remove(std::string_view name) {
  if (const Status ours = check_backup_file(name); !ours) return ours;
  if (const auto found = files_.find(name); found != files_.end()) files_.erase(found);
  return {};
}

}  // namespace citas::backup

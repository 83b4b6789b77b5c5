#include "events/backup/retention.h"

#include <algorithm>

namespace citas::backup {

std::vector<std::string> expired(const std::vector<Manifest>& backups, const Retention& retention,
                                 Timestamp now) {
  std::vector<std::string> ids;
  std::size_t full = 0;
  for (auto at = backups.rbegin(); at != backups.rend(); ++at) {
    const bool is_full = at->kind == Kind::kFull;
    if (is_full) ++full;
    const bool kept = is_full ? full <= std::max<std::size_t>(retention.full, 1)
                              : now - at->created <= retention.incremental;
    if (!kept && at != backups.rbegin()) ids.push_back(at->id);
  }
  std::ranges::reverse(ids);
  return ids;
}

std::vector<std::string> disposable_files(const Catalog& catalog,
                                          const std::vector<std::string>& expired_ids) {
  std::vector<std::string> files;
  std::set<std::string, std::less<>> needed;
  for (const Manifest& backup : catalog.backups) {
    if (std::ranges::find(expired_ids, backup.id) != expired_ids.end()) {
      files.push_back(manifest_file(backup.id));
      continue;
    }
    needed.insert(manifest_file(backup.id));
    for (const SegmentInfo& segment : backup.segments) needed.insert(segment.file);
  }
  const std::vector<std::string> manifests = files;
  for (const auto& [file, size] : catalog.files) {
    const bool listed = std::ranges::find(manifests, file) != manifests.end();
    if (!listed && !needed.contains(file)) files.push_back(file);
  }
  return files;
}

}  // namespace citas::backup

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "events/base/clock.h"
#include "ops/citas/backup_watch.h"
#include "ops/citas/doctor/data.h"

namespace citas::ops::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 3;

std::string name_of(uid_t user) {
  const passwd* known = ::getpwuid(user);
  return known == nullptr ? "uid " + std::to_string(user) : std::string(known->pw_name);
}

// The few names that are enough to find the rest. The log alone: the other folders can be deleted.
std::vector<std::string> foreign_below(const fs::path& data, uid_t owner) {
  std::vector<std::string> foreign;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator each(data / "log", options, error), end;
       !error && each != end && foreign.size() < kMostNamed; each.increment(error)) {
    struct stat found {};
    if (::lstat(each->path().c_str(), &found) != 0 || found.st_uid == owner) continue;
    foreign.push_back(each->path().lexically_relative(data).string());
  }
  return foreign;
}

}  // namespace

FolderFacts look_at_folder(const fs::path& data) {
  FolderFacts facts{.folder = data};
  struct stat found {};
  facts.exists = ::stat(data.c_str(), &found) == 0;
  if (!facts.exists) {
    const fs::path parent = fs::absolute(data).lexically_normal().parent_path();
    facts.writable = ::access(parent.c_str(), W_OK | X_OK) == 0;
    return facts;
  }
  facts.is_folder = S_ISDIR(found.st_mode);
  facts.writable = ::access(data.c_str(), R_OK | W_OK | X_OK) == 0;
  facts.on_read_only_disk = !facts.writable && errno == EROFS;
  facts.owner = name_of(found.st_uid);
  facts.permissions = found.st_mode & 07777;
  facts.foreign = foreign_below(data, found.st_uid);
  return facts;
}

std::optional<LockHolder> look_at_lock(const fs::path& data) {
  return holder_of(data / "log" / "LOCK");
}

BackupFacts look_at_backups(const fs::path& folder, const LogIdentity& log) {
  return {folder, last_backup(folder, log), SystemClock{}.now()};
}

std::vector<std::string> look_for_leftovers(const fs::path& data) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator each(data, error), end; !error && each != end;
       each.increment(error)) {
    const std::string name = each->path().filename().string();
    if (name.starts_with("log.")) names.push_back(name);
  }
  for (const char* unfinished : {"log/db.new", "log/HEAD.new"}) {
    if (fs::exists(data / unfinished, error)) names.emplace_back(unfinished);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace citas::ops::doctor

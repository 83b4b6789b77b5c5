#include "ops/citas/new_log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <vector>

#include "events/base/folder.h"
#include "ops/citas/doctor/disk.h"
#include "ops/citas/free_space.h"

namespace citas::ops {
namespace {

namespace fs = std::filesystem;

// Each read model has its folder there. Of a disk of its own, which has a folder lost+found from
// the first, nothing can be said by its being empty.
bool has_read_models(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator each(folder, error), end; !error && each != end;
       each.increment(error)) {
    if (fs::exists(each->path() / "CURRENT", error)) return true;
  }
  return false;
}

std::vector<std::string> copies_in(const fs::path& data) {
  std::vector<std::string> names;
  std::error_code ignored;
  if (has_read_models(data / "projections")) names.emplace_back("projections");
  if (fs::exists(data / "bus" / "nats-server.conf", ignored)) names.emplace_back("bus");
  return names;
}

fs::path mount_point_of(fs::path folder) {
  struct stat here {};
  struct stat above {};
  if (::stat(folder.c_str(), &here) != 0) return "/";
  while (folder.has_relative_path() && ::stat(folder.parent_path().c_str(), &above) == 0 &&
         above.st_dev == here.st_dev) {
    folder = folder.parent_path();
  }
  return folder;
}

auto no_log(const fs::path& data, const std::string& why) {
  return failure(
      ErrorCode::kFailedPrecondition,
      fmt::format("event log: there is none in {}, {}: if its disk is not mounted, mount it; if "
                  "the log is lost, see ops/runbooks/restore-to-a-point-in-time.md; citas init "
                  "--data {} begins a new, empty one",
                  describe_place(data / "log"), why, data.string()));
}

}  // namespace

bool has_log(const fs::path& data) {
  const fs::path folder = data / "log";
  if (!check_accessible(folder)) return true;
  std::error_code ignored;
  return fs::exists(folder / "db", ignored) || fs::exists(folder / "HEAD", ignored);
}

Status check_is_no_log(const fs::path& data) {
  std::error_code ignored;
  if (!fs::exists(data / "HEAD", ignored) || !fs::exists(data / "db", ignored)) return {};
  return failure(
      ErrorCode::kFailedPrecondition,
      fmt::format(
          "--data: {} is a log itself, not the folder that holds one; name {}", data.string(),
          fs::absolute(data / ".").lexically_normal().parent_path().parent_path().string()));
}

Status check_may_begin_log(const fs::path& data, bool must_exist) {
  std::error_code ignored;
  // A restore that has not finished is told by whoever opens the log.
  if (has_log(data) || fs::exists(data / "log.restoring", ignored)) return {};
  if (const Status fit = check_is_no_log(data); !fit) return fit;
  if (must_exist) return no_log(data, "and --existing-log demands one");
  const std::vector<std::string> copies = copies_in(data);
  if (copies.empty()) return {};
  return no_log(data,
                fmt::format("though {} beside it {} copies of one", fmt::join(copies, " and "),
                            copies.size() == 1 ? "holds" : "hold"));
}

std::string describe_place(const fs::path& folder) {
  const fs::path there = nearest_existing(folder);
  struct statfs kind {};
  if (::statfs(there.c_str(), &kind) != 0) return folder.string();
  const auto type = doctor::file_system_of(static_cast<std::uint32_t>(kind.f_type));
  return fmt::format("{} ({}, mounted at {})", folder.string(), type.name,
                     mount_point_of(there).string());
}

}  // namespace citas::ops

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "events/base/descriptor.h"
#include "ops/citas/doctor/disk.h"
#include "ops/citas/doctor/process.h"

namespace citas::ops::doctor {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

constexpr int kWrites = 16;
constexpr std::size_t kWriteBytes = 4096;

// Of the whole disk: a partition has no queue of its own.
std::optional<bool> rotates(dev_t device) {
  const std::string entry = fmt::format("/sys/dev/block/{}:{}", major(device), minor(device));
  for (const char* queue : {"/queue/rotational", "/../queue/rotational"}) {
    const std::string text = read_text(entry + queue);
    if (!text.empty()) return text.front() == '1';
  }
  return std::nullopt;
}

FileSystemFacts look_at_file_system(const fs::path& folder) {
  struct statfs kind {};
  struct statvfs flags {};
  struct stat found {};
  if (::statfs(folder.c_str(), &kind) != 0 || ::statvfs(folder.c_str(), &flags) != 0) return {};
  FileSystemFacts facts = file_system_of(static_cast<std::uint32_t>(kind.f_type));
  facts.read_only = (flags.f_flag & ST_RDONLY) != 0;
  if (::stat(folder.c_str(), &found) == 0) facts.rotating = rotates(found.st_dev);
  return facts;
}

Result<microseconds> synced_write(int file) {
  std::array<char, kWriteBytes> bytes{};
  const auto started = std::chrono::steady_clock::now();
  const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), 0);
  if (written != static_cast<ssize_t>(bytes.size()) || ::fdatasync(file) != 0) {
    const bool is_full = errno == ENOSPC || errno == EDQUOT;
    return failure(is_full ? ErrorCode::kStorageFull : ErrorCode::kUnknownOutcome,
                   fmt::format("a synced write failed: {}", std::strerror(errno)));
  }
  return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - started);
}

// A file without a name: nobody sees it, and nothing of it stays.
SyncTimes measure_sync(const fs::path& folder) {
  const Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) {
    return failure(ErrorCode::kUnavailable,
                   fmt::format("not measured, a file without a name cannot be made in {}: {}",
                               folder.string(), std::strerror(errno)));
  }
  std::vector<microseconds> times;
  for (int i = 0; i < kWrites; ++i) {
    const auto took = synced_write(file.get());
    if (!took) return failure(took.error());
    times.push_back(*took);
  }
  return times;
}

}  // namespace

DiskFacts look_at_disk(const fs::path& folder, std::optional<std::uint64_t> floor_bytes) {
  const fs::path there = nearest_existing(folder);
  auto space = FileSystemSpace(there).look();
  const SpaceFloor floor = floor_of(space ? *space : DiskSpace{}, floor_bytes);
  return {folder, std::move(space), floor, look_at_file_system(there), measure_sync(there)};
}

}  // namespace citas::ops::doctor

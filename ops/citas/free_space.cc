#include "ops/citas/free_space.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "events/base/thread_name.h"

namespace citas::ops {
namespace {

constexpr std::uint64_t kMaxDefaultFloorBytes = std::uint64_t{512} << 20;
constexpr std::uint64_t kFloorsInSmallDisk = 8;
constexpr std::chrono::milliseconds kLookInterval{50};
constexpr std::chrono::seconds kSettleTime{1};

std::uint64_t resume_bytes(std::uint64_t floor_bytes) { return floor_bytes + floor_bytes / 4; }

}  // namespace

std::filesystem::path nearest_existing(std::filesystem::path folder) {
  std::error_code error;
  folder = std::filesystem::absolute(folder, error);
  while (!std::filesystem::exists(folder, error) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

Result<DiskSpace> FileSystemSpace::look() const {
  struct statvfs found {};
  if (::statvfs(folder_.c_str(), &found) != 0 &&
      ::statvfs(nearest_existing(folder_).c_str(), &found) != 0) {
    return failure(ErrorCode::kUnavailable, "cannot ask for the free space of " + folder_.string() +
                                                ": " + std::strerror(errno));
  }
  return DiskSpace{found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize};
}

std::uint64_t default_floor_bytes(std::uint64_t capacity_bytes) {
  return std::min(kMaxDefaultFloorBytes, capacity_bytes / kFloorsInSmallDisk);
}

FreeSpaceWatch::FreeSpaceWatch(const DiskSpacePort& port, const Clock& clock,
                               std::uint64_t floor_bytes,
                               std::function<void(const FreeSpaceState&)> on_change)
    : port_(port), clock_(clock), floor_bytes_(floor_bytes), on_change_(std::move(on_change)) {
  state_.floor_bytes = floor_bytes;
  if (const auto space = port_.look()) state_.space = *space;
}

void FreeSpaceWatch::step() {
  const auto space = port_.look();
  // A file system that does not answer says nothing about its space; writes will tell.
  if (!space) return;
  const SpaceLevel before = level_.load();
  const SpaceLevel now = next_level(space->available_bytes);
  FreeSpaceState changed;
  {
    const std::lock_guard lock(mutex_);
    state_.space = *space;
    state_.level = now;
    changed = state_;
  }
  level_ = now;
  if (now != before) on_change_(changed);
}

SpaceLevel FreeSpaceWatch::next_level(std::uint64_t available_bytes) {
  const SpaceLevel before = level_.load();
  const std::uint64_t reserve = floor_bytes_ / 2;
  if (available_bytes < resume_bytes(floor_bytes_)) ample_since_.reset();
  if (available_bytes < reserve) return SpaceLevel::kReserve;
  if (before == SpaceLevel::kReserve && available_bytes < reserve + reserve / 2) return before;
  if (available_bytes < floor_bytes_) return SpaceLevel::kReadOnly;
  if (before == SpaceLevel::kAmple) return before;
  if (available_bytes < resume_bytes(floor_bytes_)) return SpaceLevel::kReadOnly;
  const auto now = clock_.monotonic();
  if (!ample_since_) ample_since_ = now;
  return now - *ample_since_ < kSettleTime ? SpaceLevel::kReadOnly : SpaceLevel::kAmple;
}

FreeSpaceState FreeSpaceWatch::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool FreeSpaceWatch::has_room() const {
  if (level_.load() != SpaceLevel::kAmple) return false;
  const auto space = port_.look();
  return !space || space->available_bytes >= floor_bytes_;
}

FreeSpaceThread::FreeSpaceThread(FreeSpaceWatch& watch)
    : thread_([this, &watch](std::stop_token stop) {
        name_this_thread("free-space");
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
          watch.step();
          never_.wait_for(lock, stop, kLookInterval, [] { return false; });
        }
      }) {}

Status check_room_to_open(const DiskSpacePort& port, std::uint64_t floor_bytes,
                          const std::filesystem::path& folder) {
  const auto space = port.look();
  if (!space) return failure(space.error());
  if (space->available_bytes >= floor_bytes) return {};
  return failure(
      ErrorCode::kStorageFull,
      fmt::format(
          "the disk of {} has {} free, less than the floor of {}: the log is not opened for "
          "writing, since a full disk can cost it; free some space and start again, see "
          "ops/runbooks/disk-full.md (citas events, verify and replay read it as it is)",
          folder.string(), format_bytes(space->available_bytes), format_bytes(floor_bytes)));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string describe_room(const FreeSpaceState& state) {
  return fmt::format("{} free of {}, the floor is {}", format_bytes(state.space.available_bytes),
                     format_bytes(state.space.capacity_bytes), format_bytes(state.floor_bytes));
}

std::string describe(const FreeSpaceState& state, const std::filesystem::path& folder) {
  if (state.level == SpaceLevel::kAmple) return {};
  return fmt::format(
      "read-only: the disk of {} has {} free of {}, the floor is {}; {} wait; free some space, "
      "writes go on by themselves from {} on",
      folder.string(), format_bytes(state.space.available_bytes),
      format_bytes(state.space.capacity_bytes), format_bytes(state.floor_bytes),
      state.level == SpaceLevel::kReserve ? "commands, bus, rebuilds and read models"
                                          : "commands, bus and rebuilds",
      format_bytes(resume_bytes(state.floor_bytes)));
}

}  // namespace citas::ops

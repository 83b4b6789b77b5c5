#include "ops/citas/free_space.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "events/base/thread_name.h"

namespace citas::ops {
namespace {

constexpr std::uint64_t kMaxDefaultFloorBytes = std::uint64_t{512} << 20;
constexpr std::uint64_t kMaxFloorInodes = 1'000;
constexpr std::uint64_t kFloorsInSmallDisk = 8;
constexpr std::chrono::milliseconds kLookInterval{50};
constexpr std::chrono::seconds kSettleTime{1};

// In floors. Between two of one pair nothing changes, or a level would come and go.
constexpr double kReserveBelow = 0.5;
constexpr double kReserveUntil = 0.75;
constexpr double kReadOnlyBelow = 1;
constexpr double kReadOnlyUntil = 1.25;

double floors_in(std::uint64_t available, std::uint64_t floor) {
  if (floor == 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(available) / static_cast<double>(floor);
}

double floors_of_bytes(const DiskSpace& space, const SpaceFloor& floor) {
  return floors_in(space.available_bytes, floor.bytes);
}

double floors_of_inodes(const DiskSpace& space, const SpaceFloor& floor) {
  return floors_in(space.available_inodes, floor.inodes);
}

double floors_left(const DiskSpace& space, const SpaceFloor& floor) {
  return std::min(floors_of_bytes(space, floor), floors_of_inodes(space, floor));
}

// What is nearer to its end, in words.
struct Scarcest {
  std::string available, capacity, floor, resume;
  const char* next_step;
};

Scarcest scarcest(const DiskSpace& space, const SpaceFloor& floor) {
  const auto resume = [](std::uint64_t of) {
    return static_cast<std::uint64_t>(std::ceil(static_cast<double>(of) * kReadOnlyUntil));
  };
  if (floors_of_inodes(space, floor) < floors_of_bytes(space, floor)) {
    return {fmt::format("{} inodes", space.available_inodes), std::to_string(space.inodes),
            std::to_string(floor.inodes), std::to_string(resume(floor.inodes)),
            "delete small files"};
  }
  return {format_bytes(space.available_bytes), format_bytes(space.capacity_bytes),
          format_bytes(floor.bytes), format_bytes(resume(floor.bytes)), "free some space"};
}

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
  return DiskSpace{found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files,
                   found.f_favail};
}

std::uint64_t default_floor_bytes(std::uint64_t capacity_bytes) {
  return std::min(kMaxDefaultFloorBytes, capacity_bytes / kFloorsInSmallDisk);
}

SpaceFloor floor_of(const DiskSpace& space, std::optional<std::uint64_t> bytes) {
  if (bytes == 0U) return {};
  return {.bytes = bytes.value_or(default_floor_bytes(space.capacity_bytes)),
          .inodes = std::min(kMaxFloorInodes, space.inodes / kFloorsInSmallDisk)};
}

FreeSpaceWatch::FreeSpaceWatch(const DiskSpacePort& port, const Clock& clock,
                               const SpaceFloor& floor,
                               std::function<void(const FreeSpaceState&)> on_change)
    : port_(port), clock_(clock), floor_(floor), on_change_(std::move(on_change)) {
  state_.floor = floor;
  if (const auto space = port_.look()) state_.space = *space;
}

void FreeSpaceWatch::step() {
  const auto space = port_.look();
  // A file system that does not answer says nothing about its space; writes will tell.
  if (!space) return;
  const SpaceLevel before = level_.load();
  const SpaceLevel now = next_level(floors_left(*space, floor_));
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

SpaceLevel FreeSpaceWatch::next_level(double floors_left) {
  const SpaceLevel before = level_.load();
  if (floors_left < kReadOnlyUntil) ample_since_.reset();
  if (floors_left < kReserveBelow) return SpaceLevel::kReserve;
  if (before == SpaceLevel::kReserve && floors_left < kReserveUntil) return before;
  if (floors_left < kReadOnlyBelow) return SpaceLevel::kReadOnly;
  if (before == SpaceLevel::kAmple) return before;
  if (floors_left < kReadOnlyUntil) return SpaceLevel::kReadOnly;
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
  return !space || floors_left(*space, floor_) >= kReadOnlyBelow;
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

Status check_room_to_open(const DiskSpacePort& port, const SpaceFloor& floor,
                          const std::filesystem::path& folder) {
  const auto space = port.look();
  if (!space) return failure(space.error());
  if (floors_left(*space, floor) >= kReadOnlyBelow) return {};
  const Scarcest scarce = scarcest(*space, floor);
  return failure(
      ErrorCode::kStorageFull,
      fmt::format(
          "the disk of {} has {} free, less than the floor of {}: the log is not opened for "
          "writing, since a full disk can cost it; {} and start again, see "
          "ops/runbooks/disk-full.md (citas events, verify and replay read it as it is)",
          folder.string(), scarce.available, scarce.floor, scarce.next_step));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string describe_room(const DiskSpace& space, const SpaceFloor& floor) {
  const Scarcest scarce = scarcest(space, floor);
  return fmt::format("{} free of {}, the floor is {}", scarce.available, scarce.capacity,
                     scarce.floor);
}

std::string describe(const FreeSpaceState& state, const std::filesystem::path& folder) {
  if (state.level == SpaceLevel::kAmple) return {};
  const Scarcest scarce = scarcest(state.space, state.floor);
  return fmt::format(
      "read-only: the disk of {} has {}; {} wait; {}, writes go on by themselves from {} on",
      folder.string(), describe_room(state.space, state.floor),
      state.level == SpaceLevel::kReserve ? "commands, bus, rebuilds and read models"
                                          : "commands, bus and rebuilds",
      scarce.next_step, scarce.resume);
}

}  // namespace citas::ops

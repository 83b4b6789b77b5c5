// FreeSpaceWatch: makes the server read-only before the disk under its log is full.
//
// A disk that fills up while RocksDB writes its MANIFEST can cost the log. So writes are refused
// below a floor of free space, and what may grow without them (streams, country stores, rebuilds)
// waits. Half of the floor is the log's alone: below it, read models wait too. A disk is also full
// when it has bytes left and no inodes: there is a floor of either.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "events/base/clock.h"
#include "events/base/result.h"

namespace citas::ops {

struct DiskSpace {
  std::uint64_t capacity_bytes = 0;
  std::uint64_t available_bytes = 0;  // to this user: without what is kept for root
  std::uint64_t inodes = 0;           // files and folders that it can hold; 0: it is not limited
  std::uint64_t available_inodes = 0;
};

// 0: none.
struct SpaceFloor {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};

// Thread-safe.
class DiskSpacePort {
 public:
  virtual ~DiskSpacePort() = default;
  // Unavailable: the file system does not answer.
  virtual Result<DiskSpace> look() const = 0;
};

// `folder`, or the nearest folder above it that exists.
std::filesystem::path nearest_existing(std::filesystem::path folder);

// Of the file system that holds `folder`, or its nearest parent that exists.
class FileSystemSpace final : public DiskSpacePort {
 public:
  explicit FileSystemSpace(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<DiskSpace> look() const override;

 private:
  const std::filesystem::path folder_;
};

// 512 MiB, or an eighth of a small disk. RocksDB's recovery at the next start needs room for what
// the write-ahead log holds, which is bounded by less than half of that
// (events/rocksdb/log_database.cc).
std::uint64_t default_floor_bytes(std::uint64_t capacity_bytes);
// `bytes`: as an operator wants it, 0 for no floor at all; nullopt: the default. Of inodes 1,000,
// or an eighth of what a small disk has.
SpaceFloor floor_of(const DiskSpace& space, std::optional<std::uint64_t> bytes = std::nullopt);

// Ordered: the further down, the less may be written.
enum class SpaceLevel {
  kAmple,
  kReadOnly,  // below the floor: no commands, no fan-out, no rebuilds
  kReserve,   // below half of it: no read models either
};

struct FreeSpaceState {
  SpaceLevel level = SpaceLevel::kAmple;
  DiskSpace space;
  SpaceFloor floor;
};

// Thread-safe; step() by one thread.
class FreeSpaceWatch {
 public:
  // Borrows port and clock. `on_change` is called by step() with each new level.
  FreeSpaceWatch(const DiskSpacePort& port, const Clock& clock, const SpaceFloor& floor,
                 std::function<void(const FreeSpaceState&)> on_change);

  // Looks once. Goes down at once, and up only when there is a quarter more than the floor, and
  // has been for a second: what waits starts to write as soon as it may.
  void step();

  FreeSpaceState state() const;
  // Whether a batch may be written now: looks, so that no disk fills up between two steps.
  bool has_room() const;

 private:
  SpaceLevel next_level(double floors_left);

  const DiskSpacePort& port_;
  const Clock& clock_;
  const SpaceFloor floor_;
  const std::function<void(const FreeSpaceState&)> on_change_;
  std::optional<Clock::Monotonic> ample_since_;  // the stepping thread's
  mutable std::mutex mutex_;
  FreeSpaceState state_;  // guarded by mutex_
  std::atomic<SpaceLevel> level_{SpaceLevel::kAmple};
};

// Steps a watch on a thread of its own.
class FreeSpaceThread {
 public:
  explicit FreeSpaceThread(FreeSpaceWatch& watch);

 private:
  std::mutex mutex_;
  std::condition_variable_any never_;
  std::jthread thread_;
};

// Ok when a log on this disk may be opened for writing. StorageFull: says what to free.
Status check_room_to_open(const DiskSpacePort& port, const SpaceFloor& floor,
                          const std::filesystem::path& folder);

// "7.5 MiB".
std::string format_bytes(std::uint64_t bytes);

// For operators: empty while there is room.
std::string describe(const FreeSpaceState& state, const std::filesystem::path& folder);
// "7.5 MiB free of 64.0 MiB, the floor is 8.0 MiB"; of inodes where these are nearer to their end.
std::string describe_room(const DiskSpace& space, const SpaceFloor& floor);

}  // namespace citas::ops

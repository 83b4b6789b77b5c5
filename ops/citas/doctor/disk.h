// The disk under the log: room, kind, and how long a synced write takes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.h"
#include "ops/citas/doctor/finding.h"
#include "ops/citas/free_space.h"

namespace citas::ops::doctor {

// What a file system means to a log that has to survive power loss.
enum class Suitability {
  kSuitable,
  kVolatile,  // gone with the machine's memory
  kRemote,    // somebody else's disk, and somebody else's idea of a sync
  kLayered,   // on top of another one, and often thrown away with its container
  kUnknown,
};

struct FileSystemFacts {
  std::string name;  // "ext4"
  Suitability suitability = Suitability::kUnknown;
  bool read_only = false;
  std::optional<bool> rotating;  // nullopt: not known
};

// The times of a few small synced writes, or why there are none.
using SyncTimes = Result<std::vector<std::chrono::microseconds>>;

struct DiskFacts {
  std::filesystem::path folder;
  Result<DiskSpace> space;
  SpaceFloor floor;
  FileSystemFacts file_system;
  SyncTimes sync;
};

// `floor_bytes`: as --free-space-floor has it; nullopt: the disk's default. Of the folder, or its
// nearest parent that exists. Writes to a file without a name, which is gone when this returns.
DiskFacts look_at_disk(const std::filesystem::path& folder,
                       std::optional<std::uint64_t> floor_bytes);

// From statfs(2).
FileSystemFacts file_system_of(std::uint64_t magic);

Findings check_disk(const DiskFacts& facts);

}  // namespace citas::ops::doctor

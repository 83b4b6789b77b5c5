#include "ops/citas/doctor/disk.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <linux/magic.h>

#include <algorithm>
#include <array>

#include "events/base/check.h"

namespace citas::ops::doctor {
namespace {

constexpr char kSpace[] = "disk.space";
constexpr char kInodes[] = "disk.inodes";
constexpr char kFileSystem[] = "disk.type";
constexpr char kSync[] = "disk.sync";

constexpr char kFull[] = "see ops/runbooks/disk-full.md";
constexpr char kDying[] = "see ops/runbooks/disk-dying.md";

// Each batch of commands waits for one.
constexpr std::chrono::milliseconds kSlowSync{20};
constexpr std::chrono::milliseconds kHangingSync{1'000};
// No rotating disk is faster.
constexpr std::chrono::microseconds kTurn{2'000};

constexpr std::uint64_t kZfsMagic = 0x2FC12FC1;
constexpr std::uint64_t kCephMagic = 0x00C36400;
constexpr std::uint64_t kCifsMagic = 0xFF534D42;
constexpr std::uint64_t kSmb2Magic = 0xFE534D42;

struct KnownFileSystem {
  std::uint64_t magic;
  const char* name;
  Suitability suitability;
};
constexpr std::array kKnown{
    KnownFileSystem{EXT4_SUPER_MAGIC, "ext4", Suitability::kSuitable},
    KnownFileSystem{XFS_SUPER_MAGIC, "xfs", Suitability::kSuitable},
    KnownFileSystem{BTRFS_SUPER_MAGIC, "btrfs", Suitability::kSuitable},
    KnownFileSystem{F2FS_SUPER_MAGIC, "f2fs", Suitability::kSuitable},
    KnownFileSystem{kZfsMagic, "zfs", Suitability::kSuitable},
    KnownFileSystem{TMPFS_MAGIC, "tmpfs", Suitability::kVolatile},
    KnownFileSystem{RAMFS_MAGIC, "ramfs", Suitability::kVolatile},
    KnownFileSystem{NFS_SUPER_MAGIC, "nfs", Suitability::kRemote},
    KnownFileSystem{kCifsMagic, "cifs", Suitability::kRemote},
    KnownFileSystem{kSmb2Magic, "smb", Suitability::kRemote},
    KnownFileSystem{kCephMagic, "ceph", Suitability::kRemote},
    KnownFileSystem{V9FS_MAGIC, "9p", Suitability::kRemote},
    KnownFileSystem{FUSE_SUPER_MAGIC, "fuse", Suitability::kLayered},
    KnownFileSystem{OVERLAYFS_SUPER_MAGIC, "overlay", Suitability::kLayered},
};

// Of one thing that a disk runs out of; `have` says how much there is.
Finding compare(const char* check, std::uint64_t available, std::uint64_t floor,
                const std::string& have, const std::string& make_room) {
  if (available < floor) {
    return fail(check, have + ": the server is read-only, or does not start",
                make_room + ", " + kFull);
  }
  if (available < 2 * floor) {
    return warn(check, have, make_room + " before it is reached, " + kFull);
  }
  return ok(check, have);
}

Finding check_space(const DiskFacts& facts) {
  if (!facts.space) return fail(kSpace, facts.space.error().message, kDying);
  const DiskSpace& space = *facts.space;
  const std::string have =
      fmt::format("{} free of {}, the floor is {}", format_bytes(space.available_bytes),
                  format_bytes(space.capacity_bytes), format_bytes(facts.floor.bytes));
  return compare(kSpace, space.available_bytes, facts.floor.bytes, have, "free some space");
}

Finding check_inodes(const DiskFacts& facts) {
  if (!facts.space) return warn(kInodes, facts.space.error().message, kDying);
  const DiskSpace& space = *facts.space;
  if (space.inodes == 0) return ok(kInodes, "not limited");
  const std::string have = fmt::format("{} free of {}, the floor is {}", space.available_inodes,
                                       space.inodes, facts.floor.inodes);
  return compare(kInodes, space.available_inodes, facts.floor.inodes, have,
                 "delete small files on this disk");
}

Finding check_suitability(const FileSystemFacts& facts) {
  const auto& name = facts.name;
  const char* const next = "put --data on a local disk with ext4 or xfs";
  switch (facts.suitability) {
    case Suitability::kSuitable:
      return ok(kFileSystem, name);
    case Suitability::kVolatile:
      return warn(kFileSystem, name + ": everything is gone when the machine restarts", next);
    case Suitability::kRemote:
      return warn(kFileSystem, name + ": whether a synced write survives is up to another machine",
                  next);
    case Suitability::kLayered:
      return warn(kFileSystem, name + ": a layer over another file system, often thrown away",
                  next);
    case Suitability::kUnknown:
      return warn(kFileSystem, name + ": citas has not been tried on it", next);
  }
  CHECK(false);
}

// The middle one; nullopt when none was measured.
std::optional<std::chrono::microseconds> median_of(const SyncTimes& measured) {
  if (!measured) return std::nullopt;
  std::vector<std::chrono::microseconds> times = *measured;
  CHECK(!times.empty());
  std::ranges::sort(times);
  return times[times.size() / 2];
}

// Virtual disks often say that they rotate; one that syncs so fast does not.
bool rotates(const DiskFacts& facts) {
  return facts.file_system.rotating.value_or(false) &&
         median_of(facts.sync).value_or(kTurn) >= kTurn;
}

Finding check_file_system(const DiskFacts& facts) {
  const std::string& name = facts.file_system.name;
  if (facts.file_system.read_only) {
    return fail(kFileSystem, name + ", mounted read-only",
                std::string("the kernel does that when a disk fails, ") + kDying);
  }
  Finding finding = check_suitability(facts.file_system);
  if (finding.verdict == Verdict::kOk && rotates(facts)) {
    return warn(kFileSystem, name + " on a rotating disk",
                "each batch of commands waits for a turn of it; use a solid-state disk");
  }
  return finding;
}

std::string milliseconds(std::chrono::microseconds time) {
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(time).count());
}

Finding check_sync(const SyncTimes& measured) {
  if (!measured) {
    const Error& error = measured.error();
    const bool is_fault = error.code == ErrorCode::kUnknownOutcome;
    return is_fault ? fail(kSync, error.message, kDying)
                    : warn(kSync, error.message, "mend what keeps this user from writing there");
  }
  const auto median = *median_of(measured);
  const auto longest = std::ranges::max(*measured);
  const std::string took =
      fmt::format("{} for a synced write, {} at worst of {}", milliseconds(median),
                  milliseconds(longest), measured->size());
  if (longest >= kHangingSync) {
    return fail(kSync, took, std::string("the disk hangs, ") + kDying);
  }
  if (median >= kSlowSync) {
    return warn(kSync, took,
                std::string("find out what keeps the disk busy, or whether it fails, ") + kDying);
  }
  return ok(kSync, took);
}

}  // namespace

FileSystemFacts file_system_of(std::uint64_t magic) {
  const auto* known = std::ranges::find(kKnown, magic, &KnownFileSystem::magic);
  if (known == kKnown.end()) return {.name = fmt::format("file system {:#x}", magic)};
  return {.name = known->name, .suitability = known->suitability};
}

Findings check_disk(const DiskFacts& facts) {
  return {check_space(facts), check_inodes(facts), check_file_system(facts),
          check_sync(facts.sync)};
}

}  // namespace citas::ops::doctor

#include "ops/citas/bus_disk.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace citas::ops {
namespace {

SpaceFloor floor_on(const DiskSpacePort& disk) {
  const auto space = disk.look();
  return space ? floor_of(*space) : SpaceFloor{};
}

}  // namespace

std::uint64_t bus_store_bytes(std::uint64_t capacity_bytes, bool is_shared) {
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 30;
  const std::uint64_t usable =
      is_shared ? capacity_bytes / 4 * 3 : capacity_bytes - default_floor_bytes(capacity_bytes);
  return std::max(usable, kLeast);
}

bool on_one_disk(const std::filesystem::path& one, const std::filesystem::path& other) {
  struct stat a {};
  struct stat b {};
  if (::stat(nearest_existing(one).c_str(), &a) != 0) return true;
  if (::stat(nearest_existing(other).c_str(), &b) != 0) return true;
  return a.st_dev == b.st_dev;
}

std::string describe_bus_disk(const FreeSpaceState& state, const std::filesystem::path& folder) {
  if (state.level == SpaceLevel::kAmple) return {};
  return fmt::format(
      "the disk of {} has {}: the fan-out waits, and goes on by itself once there is a quarter "
      "more than that; see ops/runbooks/lost-bus.md",
      folder.string(), describe_room(state.space, state.floor));
}

BusDisk::BusDisk(const std::filesystem::path& folder, const Clock& clock,
                 std::function<void(const BusDisk&)> on_change)
    : folder_(folder),
      space_(folder),
      watch_(space_, clock, floor_on(space_),
             [this, tell = std::move(on_change)](const FreeSpaceState&) { tell(*this); }),
      thread_(std::make_unique<FreeSpaceThread>(watch_)) {}

}  // namespace citas::ops

// What a managed bus may take of its disk.
#include "ops/citas/bus_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace citas::ops {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(BusDisk, GrowsWithItsDisk) {
  EXPECT_EQ(bus_store_bytes(100 * kGiB, /*is_shared=*/true), 75 * kGiB);
  EXPECT_EQ(bus_store_bytes(4'000 * kGiB, /*is_shared=*/true), 3'000 * kGiB);
  EXPECT_EQ(bus_store_bytes(100 * kGiB, /*is_shared=*/false), 100 * kGiB - 512 * kMiB);
}

TEST(BusDisk, HasRoomForTheSmallStreamsOnAnyDisk) {
  EXPECT_EQ(bus_store_bytes(64 * kMiB, /*is_shared=*/true), kGiB);
  EXPECT_EQ(bus_store_bytes(64 * kMiB, /*is_shared=*/false), kGiB);
}

TEST(BusDisk, FoldersBesideEachOtherAreOnOneDisk) {
  const citas::testing::TempFolder folder;
  EXPECT_TRUE(on_one_disk(folder.path() / "log", folder.path() / "bus/not/yet"));
  EXPECT_FALSE(on_one_disk(folder.path(), "/proc/self"));
}

TEST(BusDisk, SaysWhatWaitsAndForWhat) {
  FreeSpaceState state{.level = SpaceLevel::kReadOnly,
                       .space = {.capacity_bytes = 24 * kMiB, .available_bytes = kMiB},
                       .floor = {.bytes = 3 * kMiB}};
  EXPECT_THAT(describe_bus_disk(state, "data/bus"),
              HasSubstr("data/bus has 1.0 MiB free of 24.0 MiB, the floor is 3.0 MiB"));
  state.level = SpaceLevel::kAmple;
  EXPECT_EQ(describe_bus_disk(state, "data/bus"), "");
}

}  // namespace
}  // namespace citas::ops

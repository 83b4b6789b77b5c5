// The floor under which the server is read-only, with a disk that says what the test wants.
#include "ops/citas/free_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace citas::ops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr SpaceFloor kFloor{.bytes = 1'000, .inodes = 100};

class FakeDisk final : public DiskSpacePort {
 public:
  Result<DiskSpace> look() const override {
    if (!answers) return failure(ErrorCode::kUnavailable, "gone");
    return DiskSpace{.capacity_bytes = 8'000,
                     .available_bytes = available,
                     .inodes = 800,
                     .available_inodes = inodes};
  }
  std::uint64_t available = 4'000;
  std::uint64_t inodes = 600;
  bool answers = true;
};

class FreeSpaceTest : public testing::Test {
 protected:
  SpaceLevel with(std::uint64_t available) {
    disk_.available = available;
    watch_.step();
    return watch_.state().level;
  }

  FakeDisk disk_;
  ManualClock clock_{Timestamp{}};
  std::vector<SpaceLevel> changes_;
  FreeSpaceWatch watch_{disk_, clock_, kFloor,
                        [this](const FreeSpaceState& state) { changes_.push_back(state.level); }};
};

TEST_F(FreeSpaceTest, IsAmpleDownToTheFloor) {
  EXPECT_EQ(with(4'000), SpaceLevel::kAmple);
  EXPECT_EQ(with(1'000), SpaceLevel::kAmple);
  EXPECT_TRUE(watch_.has_room());
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(FreeSpaceTest, GoesDownAtOnce) {
  EXPECT_EQ(with(999), SpaceLevel::kReadOnly);
  EXPECT_EQ(with(500), SpaceLevel::kReadOnly);
  EXPECT_EQ(with(499), SpaceLevel::kReserve);
  EXPECT_THAT(changes_, ElementsAre(SpaceLevel::kReadOnly, SpaceLevel::kReserve));
}

TEST_F(FreeSpaceTest, AFullDiskIsNoticedBetweenTwoSteps) {
  with(4'000);
  disk_.available = 999;
  EXPECT_FALSE(watch_.has_room());
  with(4'000);
  disk_.inodes = 99;
  EXPECT_FALSE(watch_.has_room());
}

TEST_F(FreeSpaceTest, ADiskWithoutInodesIsFullAsWell) {
  disk_.inodes = 100;
  EXPECT_EQ(with(4'000), SpaceLevel::kAmple);
  disk_.inodes = 99;
  EXPECT_EQ(with(4'000), SpaceLevel::kReadOnly);
  EXPECT_EQ(describe(watch_.state(), "data/log"),
            "read-only: the disk of data/log has 99 inodes free of 800, the floor is 100; "
            "commands, bus and rebuilds wait; delete small files, writes go on by themselves from "
            "125 on");
  const Status refused = check_room_to_open(disk_, kFloor, "data/log");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("has 99 inodes free, less than the floor of 100"));
  disk_.inodes = 49;
  EXPECT_EQ(with(4'000), SpaceLevel::kReserve);
}

TEST_F(FreeSpaceTest, GoesUpOnlyWithAMarginThatLasts) {
  with(0);
  EXPECT_EQ(with(749), SpaceLevel::kReserve);
  EXPECT_EQ(with(750), SpaceLevel::kReadOnly);
  EXPECT_EQ(with(1'249), SpaceLevel::kReadOnly);
  EXPECT_EQ(with(1'250), SpaceLevel::kReadOnly);
  clock_.advance(999ms);
  EXPECT_EQ(with(1'250), SpaceLevel::kReadOnly);
  EXPECT_FALSE(watch_.has_room());
  clock_.advance(1ms);
  EXPECT_EQ(with(1'250), SpaceLevel::kAmple);
  EXPECT_TRUE(watch_.has_room());
}

TEST_F(FreeSpaceTest, AMarginThatDoesNotLastStartsAnew) {
  with(0);
  with(2'000);
  clock_.advance(999ms);
  EXPECT_EQ(with(1'249), SpaceLevel::kReadOnly);
  EXPECT_EQ(with(2'000), SpaceLevel::kReadOnly);
  clock_.advance(999ms);
  EXPECT_EQ(with(2'000), SpaceLevel::kReadOnly);
  clock_.advance(1ms);
  EXPECT_EQ(with(2'000), SpaceLevel::kAmple);
}

TEST_F(FreeSpaceTest, ADiskThatDoesNotAnswerChangesNothing) {
  disk_.answers = false;
  watch_.step();
  EXPECT_EQ(watch_.state().level, SpaceLevel::kAmple);
  EXPECT_TRUE(watch_.has_room());
  disk_.answers = true;
  with(10);
  disk_.answers = false;
  watch_.step();
  EXPECT_EQ(watch_.state().level, SpaceLevel::kReserve);
  EXPECT_FALSE(watch_.has_room());
}

TEST_F(FreeSpaceTest, WithoutAFloorNothingIsRefused) {
  FreeSpaceWatch off(disk_, clock_, {}, [](const FreeSpaceState&) { FAIL(); });
  disk_.available = 0;
  disk_.inodes = 0;
  off.step();
  EXPECT_TRUE(off.has_room());
  EXPECT_TRUE(check_room_to_open(disk_, {}, "log"));
}

TEST_F(FreeSpaceTest, TheStateTellsOperatorsWhatToDo) {
  with(4'000);
  EXPECT_EQ(describe(watch_.state(), "data/log"), "");
  with(800);
  EXPECT_EQ(describe(watch_.state(), "data/log"),
            "read-only: the disk of data/log has 800 B free of 7.8 KiB, the floor is 1000 B; "
            "commands, bus and rebuilds wait; free some space, writes go on by themselves from "
            "1.2 KiB on");
  with(100);
  EXPECT_THAT(describe(watch_.state(), "data/log"), HasSubstr("read models wait"));
}

TEST_F(FreeSpaceTest, ALogIsNotOpenedBelowTheFloor) {
  disk_.available = 1'000;
  EXPECT_TRUE(check_room_to_open(disk_, kFloor, "data/log"));
  disk_.available = 999;
  const Status refused = check_room_to_open(disk_, kFloor, "data/log");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kStorageFull);
  EXPECT_THAT(refused.error().message, HasSubstr("data/log has 999 B free"));
}

TEST(DefaultFloor, FitsSmallDisks) {
  EXPECT_EQ(default_floor_bytes(std::uint64_t{64} << 20), std::uint64_t{8} << 20);
  EXPECT_EQ(default_floor_bytes(std::uint64_t{1} << 40), std::uint64_t{512} << 20);
}

TEST(FloorOf, IsThatOfBytesAndInodes) {
  const DiskSpace small{.capacity_bytes = 8'000, .available_bytes = 0, .inodes = 800};
  EXPECT_EQ(floor_of(small).bytes, 1'000U);
  EXPECT_EQ(floor_of(small).inodes, 100U);
  EXPECT_EQ(floor_of(small, 7).bytes, 7U);
  EXPECT_EQ(floor_of(small, 7).inodes, 100U);
  EXPECT_EQ(floor_of(small, 0).inodes, 0U) << "whoever wants none wants none at all";
  EXPECT_EQ(floor_of({.inodes = 6'000'000}).inodes, 1'000U);
  EXPECT_EQ(floor_of({}).inodes, 0U) << "where inodes are not limited";
}

TEST(FileSystemSpaceTest, AFolderThatIsNotThereYetIsItsParents) {
  const auto space = FileSystemSpace("/no-such-folder/data/log").look();
  ASSERT_TRUE(space) << space.error().message;
  EXPECT_GT(space->capacity_bytes, 0U);
  EXPECT_LE(space->available_bytes, space->capacity_bytes);
  EXPECT_LE(space->available_inodes, space->inodes);
}

TEST(FormatBytes, PicksTheUnit) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1'023), "1023 B");
  EXPECT_EQ(format_bytes(1'536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{7} << 40), "7.0 TiB");
  EXPECT_EQ(format_bytes(std::uint64_t{7} << 50), "7168.0 TiB");
}

}  // namespace
}  // namespace citas::ops

// The head marker: the witness that a log has not become shorter.
#include "events/rocksdb/head_marker.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests

Head head_at(std::uint64_t position) {
  return {Epoch{1}, Position{position}, sha256({std::to_string(position)})};
}

void overwrite(const std::filesystem::path& file, std::streamoff offset, std::string_view bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(offset);
  stream << bytes;
}

TEST(HeadMarkerTest, RemembersTheLatest) {
  const TempFolder folder;
  const auto path = folder.path() / "HEAD";
  {
    auto marker = HeadMarker::create(path, {LogId{uuid(1)}, head_at(0)});
    ASSERT_TRUE(marker);
    for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(marker->write(head_at(i)));
    ASSERT_TRUE(marker->sync());
  }
  const auto read = HeadMarker::read(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->log, LogId{uuid(1)});
  EXPECT_EQ(read->head, head_at(5));
}

TEST(HeadMarkerTest, ATornWriteLeavesTheOneBefore) {
  for (const std::streamoff torn_slot : {0, 4096}) {
    const TempFolder folder;
    const auto path = folder.path() / "HEAD";
    auto marker = HeadMarker::create(path, {LogId{uuid(1)}, head_at(0)});
    ASSERT_TRUE(marker->write(head_at(1)));
    ASSERT_TRUE(marker->write(head_at(2)));
    overwrite(path, torn_slot + 40, "torn");
    const auto read = HeadMarker::read(path);
    ASSERT_TRUE(read);
    EXPECT_GE(read->head.position.value(), 1u);
  }
}

// What was acknowledged last is not overwritten, neither by the first write after an opening.
TEST(HeadMarkerTest, ATornWriteAfterAnOpeningLeavesTheOneBefore) {
  for (const std::uint64_t writes : {0u, 1u, 2u, 3u}) {
    for (const std::streamoff torn_slot : {0, 4096}) {
      const TempFolder folder;
      const auto path = folder.path() / "HEAD";
      {
        auto marker = HeadMarker::create(path, {LogId{uuid(1)}, head_at(0)});
        for (std::uint64_t i = 1; i <= writes; ++i) ASSERT_TRUE(marker->write(head_at(i)));
      }
      ASSERT_TRUE(HeadMarker::open(path)->write(head_at(writes + 1)));
      overwrite(path, torn_slot + 40, "torn");
      EXPECT_GE(HeadMarker::read(path)->head.position.value(), writes) << torn_slot;
    }
  }
}

// So that no later write needs space, or can tear the only one.
TEST(HeadMarkerTest, ANewOneHasBothSlots) {
  const TempFolder folder;
  const auto path = folder.path() / "HEAD";
  ASSERT_TRUE(HeadMarker::create(path, {LogId{uuid(1)}, head_at(3)}));
  EXPECT_EQ(std::filesystem::file_size(path), 4096u + 100u);
  overwrite(path, 40, "torn");
  EXPECT_EQ(HeadMarker::read(path)->head, head_at(3));
}

TEST(HeadMarkerTest, StaysAsItIs) {
  const TempFolder folder;
  const auto path = folder.path() / "HEAD";
  const Head head{Epoch{0x01020304}, Position{0x1122}, sha256({"x"})};
  ASSERT_TRUE(HeadMarker::create(path, {LogId{uuid(1)}, head}));
  std::string slot(100, '\0');
  std::ifstream(path, std::ios::binary).read(slot.data(), 100);
  std::string expected = "citasHM1";
  expected.append(6, '\0').append("\x70").append(1, '\0').append("\x80").append(6, '\0').append(
      "\x01");
  expected.append("\x01\x02\x03\x04")
      .append(6, '\0')
      .append("\x11\x22")
      .append(bytes_of(head.hash));
  EXPECT_EQ(slot, std::string(expected).append(bytes_of(sha256({expected}))));
}

TEST(HeadMarkerTest, TwoBrokenSlotsAreCorruption) {
  const TempFolder folder;
  const auto path = folder.path() / "HEAD";
  ASSERT_TRUE(HeadMarker::create(path, {LogId{uuid(1)}, head_at(0)}));
  overwrite(path, 50, "x");
  overwrite(path, 4096 + 50, "x");
  EXPECT_EQ(HeadMarker::read(path).error().code, ErrorCode::kCorruption);
}

TEST(HeadMarkerTest, IsNeverCreatedOverAnother) {
  const TempFolder folder;
  const auto path = folder.path() / "HEAD";
  ASSERT_TRUE(HeadMarker::create(path, {LogId{uuid(1)}, head_at(3)}));
  EXPECT_FALSE(HeadMarker::create(path, {LogId{uuid(2)}, head_at(0)}));
  EXPECT_EQ(HeadMarker::read(path)->head, head_at(3));
}

}  // namespace
}  // namespace citas

// Backups that are damaged, or of a damaged log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/events/backup/backup_world.h"

namespace citas::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Backup, AFlippedBitInAnyByteOfAnyFileIsRefused) {
  grow(log_, 5);
  create_backup();
  ASSERT_TRUE(check_all(store_));
  std::size_t flips = 0;
  for (auto& [name, bytes] : store_.files()) {
    for (std::size_t at = 0; at < bytes.size(); ++at, ++flips) {
      const char original = bytes[at];
      bytes[at] = static_cast<char>(original ^ (1 << at % 8));
      const Status checked = check_all(store_);
      EXPECT_FALSE(checked) << name << " at " << at;
      if (!checked) {
        EXPECT_EQ(checked.error().code, ErrorCode::kCorruption) << name << " at " << at;
      }
      bytes[at] = original;
    }
  }
  EXPECT_GT(flips, 1'000u);
  EXPECT_TRUE(check_all(store_));
}

TEST_F(Backup, ACutFileIsRefused) {
  grow(log_, 5);
  const Manifest made = create_backup();
  for (auto& [name, bytes] : store_.files()) {
    const std::string whole = bytes;
    for (std::size_t size = 0; size < whole.size(); size += 7) {
      bytes.resize(size);
      EXPECT_FALSE(check_all(store_)) << name << " cut to " << size;
      bytes = whole;
    }
  }
}

// Damaged content under a checksum that fits: what whoever can write to the store can make.
TEST_F(Backup, ARewrittenSegmentBreaksTheChain) {
  grow(log_, 3);
  Manifest made = create_backup();
  SegmentInfo& info = made.segments.front();
  std::string& file = store_.files().at(info.file);
  auto segment = read_segment(file);
  ASSERT_TRUE(segment);
  SegmentBuilder forged(segment->origin, segment->before);
  for (RecordView record : segment->records) {
    std::string bytes(record.bytes);
    const auto at = bytes.find("00001");
    if (record.position == Position{2}) bytes.replace(at, 5, "00002");
    record.bytes = bytes;
    forged.add(record);
  }
  for (const ListedResult& result : segment->results) forged.add(result);
  file = forged.finish();
  info.size_bytes = file.size();
  info.sha256 = sha256({file});
  store_.files().at(manifest_file(made.id)) = encode(made);
  const Status checked = check_all(store_);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("position 2"), std::string::npos)
      << checked.error().message;
  EXPECT_EQ(restore_to_place(made).error().code, ErrorCode::kCorruption);
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST_F(Backup, ADamagedBackupIsNotRestored) {
  grow(log_, 9);
  const Manifest made = create_backup();
  ASSERT_GT(made.segments.size(), 1u);
  store_.files().at(made.segments.back().file).back() ^= 1;
  const auto restored = restore_to_place(made);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, ErrorCode::kCorruption);
  EXPECT_NE(restored.error().message.find(made.segments.back().file), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST_F(Backup, AMissingSegmentIsNamedAndNotBuiltUpon) {
  grow(log_, 9);
  const Manifest first = create_backup();
  store_.files().erase(first.segments.front().file);
  EXPECT_EQ(catalog().first_missing(first), first.segments.front().file);
  EXPECT_FALSE(check_all(store_));
  const Manifest second = create_backup();
  EXPECT_EQ(second.kind, Kind::kFull) << "a damaged backup is no base";
  ASSERT_TRUE(restore_to_place(second));
}

TEST_F(Backup, TheNewestOneWithADamagedManifestIsNotPassedOverInSilence) {
  grow(log_, 2);
  const Manifest first = create_backup();
  const Manifest second = create_backup();
  store_.files().at(manifest_file(second.id))[20] ^= 1;
  EXPECT_EQ(catalog().find("").error().code, ErrorCode::kCorruption);
  EXPECT_EQ((*catalog().find(first.id))->id, first.id);
  now_ += std::chrono::days{100};
  const auto third = create(log_, codec_, store_, now_, {});
  ASSERT_TRUE(third);
  EXPECT_THAT(third->damaged, ElementsAre(second.id));
  EXPECT_THAT(third->removed, IsEmpty()) << "nobody knows what the damaged one needs";
}

}  // namespace
}  // namespace citas::backup

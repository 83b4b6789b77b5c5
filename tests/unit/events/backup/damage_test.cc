// Backups that are damaged, or of a damaged log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/events/backup/backup_world.h"

namespace citas::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
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

// What a manifest says of its segments, under a checksum that fits.
class ForgedManifest : public Backup {
 protected:
  ForgedManifest() {
    grow(log_, 9);
    made_ = create_backup();
  }
  void store(const Manifest& manifest) {
    store_.files()[manifest_file(manifest.id)] = encode(manifest);
  }
  std::string why() {
    const Status checked = check_all(store_);
    if (checked) return "nothing wrong";
    EXPECT_EQ(checked.error().code, ErrorCode::kCorruption);
    return checked.error().message;
  }

  Manifest made_;
};

TEST_F(ForgedManifest, WhereASegmentEndsIsProved) {
  store(made_);
  EXPECT_EQ(why(), "nothing wrong");
  ChainState& end = made_.segments.back().after;
  end.running_maximum += std::chrono::hours{1};
  store(made_);
  EXPECT_THAT(why(), HasSubstr("does not end where its backup says"));
  const auto restored = restore_to_place(made_);
  ASSERT_FALSE(restored);
  EXPECT_THAT(restored.error().message, HasSubstr("does not end where its backup says"));
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST_F(ForgedManifest, TheNumberOfOutcomesIsProved) {
  ++made_.segments.back().results;
  store(made_);
  EXPECT_THAT(why(), HasSubstr("does not end where its backup says"));
}

TEST_F(ForgedManifest, BackupsAgreeOnTheSegmentsThatTheyShare) {
  Manifest second = create_backup();
  ++second.segments.front().results_at_end;
  store(second);
  EXPECT_THAT(why(), HasSubstr("what another one does not"));
}

TEST_F(ForgedManifest, SegmentsContinueEachOther) {
  ASSERT_GT(made_.segments.size(), 2u);
  made_.segments.erase(made_.segments.begin() + 1);
  store(made_);
  EXPECT_THAT(why(), HasSubstr("do not continue each other"));
}

TEST_F(ForgedManifest, OneWithoutSegmentsIsNone) {
  made_.segments.clear();
  store(made_);
  EXPECT_THAT(why(), HasSubstr("cannot be read"));
}

TEST_F(ForgedManifest, OneOfAnotherBackupIsNotTakenForThis) {
  const std::string other = id_at(*time_of_id(made_.id) + std::chrono::milliseconds{1});
  store_.files()[manifest_file(other)] = encode(made_);
  EXPECT_THAT(why(), HasSubstr("that of another backup"));
}

TEST_F(ForgedManifest, ASegmentOfAnotherSizeIsMissing) {
  store_.files().at(made_.segments.back().file).push_back('x');
  EXPECT_EQ(catalog().first_missing(made_), made_.segments.back().file);
}

TEST_F(ForgedManifest, ASegmentOfAnotherLogIsRefused) {
  SegmentInfo& info = made_.segments.front();
  std::string& file = store_.files().at(info.file);
  const auto segment = read_segment(file);
  ASSERT_TRUE(segment);
  SegmentOrigin elsewhere = segment->origin;
  elsewhere.log.partition = "andes";
  SegmentBuilder forged(elsewhere, segment->before);
  for (const RecordView& record : segment->records) forged.add(record);
  for (const ListedResult& result : segment->results) forged.add(result);
  const std::string bytes = forged.finish();
  info.size_bytes = bytes.size();
  info.sha256 = sha256({bytes});
  file = bytes;
  store(made_);
  EXPECT_THAT(why(), HasSubstr("it is of another log"));
}

// The head of a frame that claims to hold a tebibyte.
TEST(SegmentTest, OneThatClaimsToBeHugeIsRefusedUnopened) {
  const std::string frame("\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0", 13);
  const auto segment = read_segment(frame);
  ASSERT_FALSE(segment);
  EXPECT_EQ(segment.error().message, "it is not a segment");
}

// Forgets the tags of one record.
class ForgetfulImport final : public LogImport {
 public:
  explicit ForgetfulImport(const std::filesystem::path& folder) : real_(folder) {}

  Status begin(const LogIdentity& log, Epoch epoch, std::string_view fingerprint_key) override {
    return real_.begin(log, epoch, fingerprint_key);
  }
  Status add(std::span<const ImportedRecord> records) override {
    std::vector<ImportedRecord> added(records.begin(), records.end());
    for (ImportedRecord& one : added) {
      if (one.record.position == Position{5}) one.tags.clear();
    }
    return real_.add(added);
  }
  Status add(std::span<const ListedResult> results) override { return real_.add(results); }
  Result<std::unique_ptr<EventLog>> finish(const Head& head, const Codec& codec) override {
    return real_.finish(head, codec);
  }
  Status publish() override { return real_.publish(); }

 private:
  RocksDbLogImport real_;
};

TEST_F(Backup, WhatWasWrittenIsProvedBeforeItGetsItsName) {
  grow(log_, 9);
  const Manifest made = create_backup();
  ForgetfulImport target(place());
  const auto restored = restore(store_, made, codec_, target, now_, {});
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, ErrorCode::kCorruption);
  EXPECT_THAT(restored.error().message, HasSubstr("position 5 is missing from the tag index"));
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
  const auto before = store_.files();
  const auto third = create(log_, codec_, store_, now_, {.full = true, .retention = {.full = 1}});
  ASSERT_TRUE(third);
  EXPECT_THAT(third->damaged, ElementsAre(second.id));
  EXPECT_THAT(third->removed, IsEmpty()) << "nobody knows what the damaged one needs";
  for (const auto& [name, bytes] : before) EXPECT_TRUE(store_.files().contains(name)) << name;
}

}  // namespace
}  // namespace citas::backup

// Creating backups and dropping them, on a store in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "events/backup/files/file_backup_store.h"
#include "tests/unit/events/backup/backup_world.h"

namespace citas::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Fails with the nth change, before or after it is made; everything works again once it is told to.
class FailingStore final : public BackupStore {
 public:
  FailingStore(MemoryBackupStore& store, std::size_t fail_at, bool after)
      : store_(store), left_(fail_at), after_(after) {}

  bool failed() const { return failed_; }
  Result<std::map<std::string, std::uint64_t, std::less<>>> list() const override {
    return store_.list();
  }
  Result<std::string> read(std::string_view name) const override { return store_.read(name); }
  Status write(std::string_view name, std::string_view bytes) override {
    return change([&] { return store_.write(name, bytes); });
  }
  Status remove(std::string_view name) override {
    return change([&] { return store_.remove(name); });
  }

 private:
  template <typename Change>
  Status change(const Change& make) {
    if (failed_) return broken();
    failed_ = left_-- == 0;
    if (!failed_) return make();
    if (after_) static_cast<void>(make());
    return broken();
  }
  static Status broken() { return failure(ErrorCode::kUnavailable, "the store was told to fail"); }

  MemoryBackupStore& store_;
  std::size_t left_;
  const bool after_;
  bool failed_ = false;
};

TEST_F(Backup, AnIncrementalOneAddsOnlyWhatIsNew) {
  grow(log_, 10);
  const Manifest first = create_backup();
  grow(log_, 5);
  const Manifest second = create_backup();
  EXPECT_EQ(second.kind, Kind::kIncremental);
  ASSERT_GT(second.segments.size(), first.segments.size());
  for (std::size_t i = 0; i < first.segments.size(); ++i) {
    EXPECT_EQ(second.segments[i], first.segments[i]);
  }
  EXPECT_EQ(second.segments[first.segments.size()].before.head.position, Position{10});
  ASSERT_TRUE(restore_to_place(second));
  const auto log = open_place();
  expect_prefix(log_, *log, 15);
  EXPECT_EQ(listed_in(*log), listed_in(log_));
}

TEST_F(Backup, AFullOneSharesNothing) {
  grow(log_, 10);
  create_backup();
  const Manifest second = create_backup({.full = true});
  EXPECT_EQ(second.kind, Kind::kFull);
  for (const SegmentInfo& segment : second.segments) EXPECT_TRUE(second.owns(segment));
}

TEST_F(Backup, IsFullWhenTheLastFullOneIsOld) {
  CreateOptions daily;
  daily.full_if_older_than = std::chrono::hours{24};
  const auto kind_after = [&](std::chrono::hours passed) {
    now_ += passed;
    grow(log_, 1);
    return create(log_, codec_, store_, now_, daily).value().backup.kind;
  };
  EXPECT_EQ(kind_after(std::chrono::hours{0}), Kind::kFull);
  EXPECT_EQ(kind_after(std::chrono::hours{23}), Kind::kIncremental);
  EXPECT_EQ(kind_after(std::chrono::hours{1}), Kind::kFull);
  EXPECT_EQ(kind_after(std::chrono::hours{1}), Kind::kIncremental);
}

TEST_F(Backup, TheNewestWholeOneOfALogIsFound) {
  const auto newest = [&](const LogIdentity& log, std::optional<Kind> kind = std::nullopt) {
    const Catalog all = catalog();
    const Manifest* found = all.newest_whole(log, kind);
    return found == nullptr ? std::string() : found->id;
  };
  const LogIdentity log = log_.identity();
  EXPECT_EQ(newest(log), "");
  grow(log_, 3);
  const Manifest full = create_backup();
  grow(log_, 3);
  const Manifest incremental = create_backup();
  EXPECT_EQ(newest(log), incremental.id);
  EXPECT_EQ(newest(log, Kind::kFull), full.id);
  EXPECT_EQ(newest({LogId{}, log.partition}), "");
  ASSERT_TRUE(store_.remove(incremental.segments.back().file));
  EXPECT_EQ(newest(log), full.id);
  ASSERT_TRUE(store_.remove(full.segments.front().file));
  EXPECT_EQ(newest(log), "");
}

TEST_F(Backup, OneWithoutAnythingNewIsOneToo) {
  grow(log_, 3);
  const Manifest first = create_backup();
  const Manifest second = create_backup();
  EXPECT_EQ(second.segments, first.segments);
  ASSERT_TRUE(restore_to_place(second));
  expect_prefix(log_, *open_place(), 3);
}

TEST_F(Backup, AnOutcomeListedAtTheEndLaterIsNotMissed) {
  grow(log_, 3);
  create_backup();
  // The repetition of an earlier request under another key: an outcome, but no event.
  ASSERT_TRUE(log_.append({{}, {{key_of(1001), "again", Position{2}}}}));
  const Manifest second = create_backup();
  ASSERT_TRUE(restore_to_place(second));
  const auto log = open_place();
  EXPECT_EQ(log->command_result(key_of(1001)), "again");
  EXPECT_THAT(listed_in(*log), ElementsAre(1, 2, 3, 3));
  EXPECT_EQ(create_backup().segments, second.segments) << "nothing was new";
}

// Each repetition of a booking under a new key leaves an outcome and no event, and the first start
// of a version that lists outcomes puts all old ones at one position: there is no limit to them.
TEST_F(Backup, OutcomesAtOnePositionFillNoSegmentBeyondItsSize) {
  grow(log_, 6);
  AppendBatch repetitions;
  for (std::uint64_t i = 0; i < 200; ++i) {
    repetitions.results.push_back({key_of(1'000 + i), "again", Position{2}});
  }
  ASSERT_TRUE(log_.append(repetitions));
  const Manifest at_head = create_backup();
  EXPECT_EQ(create_backup().segments, at_head.segments) << "nothing was new";
  EXPECT_EQ(at_head.end().head.position, Position{6});
  ASSERT_TRUE(log_.append({{}, {{key_of(2'000), "once more", Position{3}}}}));
  grow(log_, 9);
  const Manifest added = create_backup();
  const Manifest full = create_backup({.full = true});
  for (const auto& [name, bytes] : store_.files()) {
    if (id_of_manifest_file(name)) continue;
    const auto segment = read_segment(bytes);
    ASSERT_TRUE(segment) << segment.error().message;
    EXPECT_LE(segment->content->size(), kSmallSegment) << name;
  }
  EXPECT_TRUE(check_all(store_));
  for (const Manifest* made : {&added, &full}) {
    for (const std::uint64_t until : {5u, 6u, 7u, 15u}) {
      ASSERT_TRUE(restore_to_place(*made, {.until = Position{until}}));
      std::vector<std::uint64_t> expected = listed_in(log_);
      std::erase_if(expected, [&](std::uint64_t position) { return position > until; });
      EXPECT_EQ(listed_in(*open_place()), expected) << until;
      std::filesystem::remove_all(place());
    }
  }
}

TEST_F(Backup, SegmentsThatCouldNotBeReadAreNotMade) {
  CreateOptions options;
  options.segment_bytes = kMaxSegmentBytes + 1;
  const auto created = create(log_, codec_, store_, now_, options);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(store_.files(), IsEmpty());
}

TEST_F(Backup, AnEmptyLogCanBeBackedUpAndRestored) {
  const Manifest made = create_backup();
  ASSERT_TRUE(restore_to_place(made));
  const auto log = open_place(RocksDbEventLog::Mode::kWrite);
  expect_prefix(log_, *log, 0);
  grow(*log, 1);
}

TEST_F(Backup, AnotherLogNeedsAnotherFolder) {
  grow(log_, 2);
  create_backup();
  MemoryEventLog other({LogId{uuid(8)}});
  const auto created = create(other, codec_, store_, now_, {});
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(Backup, ADamagedLogIsNotBackedUp) {
  grow(log_, 3);
  Event alien = event_at(9, AppointmentRequested{ref(4), {}});
  ASSERT_TRUE(log_.append({{record_of(alien, log_.identity())}, {}}));
  log_.commit(Position{4});
  const auto created = create(log_, codec_, store_, now_, {});
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::kCorruption);
  EXPECT_THAT(catalog().backups, IsEmpty());
}

// The same log id and the same positions, but another future since a restore.
TEST_F(Backup, AnotherFutureOfTheLogSharesOnlyThePast) {
  grow(log_, 12);
  const Manifest before = create_backup();
  ASSERT_TRUE(restore_to_place(before, {.until = Position{6}}));
  const auto log = open_place(RocksDbEventLog::Mode::kWrite);
  now_ += std::chrono::hours{1};
  AppendBatch other = requests(*log, 10);
  Event cancelled = event_at(7, AppointmentCancelled{ref(7), {}});
  other.records[0] = record_of(cancelled, log->identity());
  log->commit(log->append(other).value().position);
  CreateOptions options;
  options.segment_bytes = kSmallSegment;
  const auto created = create(*log, codec_, store_, now_, options);
  ASSERT_TRUE(created) << created.error().message;
  const Manifest& after = created->backup;
  EXPECT_EQ(after.kind, Kind::kIncremental);
  EXPECT_EQ(after.segments.front(), before.segments.front());
  for (const SegmentInfo& segment : after.segments) {
    if (segment.after.head.position > Position{6}) {
      EXPECT_TRUE(after.owns(segment));
    }
  }
  EXPECT_TRUE(check_all(store_));
  // Each of the two still restores to its own future.
  const auto elsewhere = folder_.path() / "elsewhere";
  for (const Manifest* backup : {&before, &after}) {
    RocksDbLogImport target(elsewhere);
    ASSERT_TRUE(restore(store_, *backup, codec_, target, now_, {}));
    {
      const auto opened =
          RocksDbEventLog::open(elsewhere, codec_, ids_, RocksDbEventLog::Mode::kReadOnly);
      ASSERT_TRUE(opened);
      if (backup == &before) {
        expect_prefix(log_, **opened, 12);
      } else {
        expect_prefix(*log, **opened, 16);
      }
    }
    std::filesystem::remove_all(elsewhere);
  }
}

// A log that was restored to before the end of its backups, and has not grown since.
TEST_F(Backup, ALogThatEndsBeforeItsBackupsSharesWhatItHolds) {
  grow(log_, 12);
  const Manifest before = create_backup();
  ASSERT_TRUE(restore_to_place(before, {.until = Position{6}}));
  const auto log = open_place();
  now_ += std::chrono::hours{1};
  const auto created = create(*log, codec_, store_, now_, {});
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->backup.end().head.position, Position{6});
  EXPECT_EQ(created->backup.segments.front(), before.segments.front());
  EXPECT_TRUE(check_all(store_));
}

// Whatever step of creating and pruning a crash cuts short: all backups that are listed are whole,
// none is lost that was to be kept, and the next run leaves nothing behind.
TEST_F(Backup, ACrashBetweenAnyTwoStepsIsHarmless) {
  const Retention short_lived{.full = 1, .incremental = std::chrono::hours{0}};
  grow(log_, 10);
  create_backup();
  grow(log_, 3);
  create_backup();
  const auto initial = store_.files();
  grow(log_, 8);
  now_ += std::chrono::hours{1};
  for (const bool after : {false, true}) {
    bool failed = true;
    for (std::size_t step = 0; failed; ++step) {
      store_.files() = initial;
      FailingStore failing(store_, step, after);
      CreateOptions options{.full = true, .retention = short_lived, .segment_bytes = 2'000};
      const auto created = create(log_, codec_, failing, now_, options);
      failed = failing.failed();
      ASSERT_EQ(created.has_value(), !failed);
      ASSERT_TRUE(check_all(store_)) << "step " << step;
      ASSERT_GE(catalog().backups.size(), 1u);
      ASSERT_GE(catalog().backups.back().end().head.position, Position{13});
      if (!failed) {
        ASSERT_GT(step, 10u) << "segments, manifests and removals were cut short";
        break;
      }
      options.full = false;
      now_ += std::chrono::hours{1};
      const auto next = create(log_, codec_, store_, now_, options);
      ASSERT_TRUE(next) << next.error().message;
      ASSERT_TRUE(check_all(store_)) << "step " << step;
      ASSERT_EQ(catalog().backups.back().end().head.position, Position{21});
      std::set<std::string> needed;
      for (const Manifest& one : catalog().backups) {
        needed.insert(manifest_file(one.id));
        for (const SegmentInfo& segment : one.segments) needed.insert(segment.file);
      }
      ASSERT_EQ(store_.files().size(), needed.size()) << "nothing else is left, step " << step;
    }
  }
}

// The folder of backups once counted as theirs alone, and an open log in it as left behind.
TEST_F(Backup, WhatIsNotABackupsStaysWhereItIs) {
  const auto backups = folder_.path() / "shared";
  const std::vector<std::filesystem::path> foreign = {
      backups / "photos/a.txt", backups / "log/HEAD", backups / "log/db/000004.log"};
  for (const auto& path : foreign) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "somebody else's";
  }
  const auto opened = FileBackupStore::open(backups, FileBackupStore::Access::kWrite);
  ASSERT_TRUE(opened) << opened.error().message;
  const CreateOptions only_one{.full = true, .retention = {.full = 1}};
  std::vector<std::string> removed;
  for (int turn = 0; turn < 2; ++turn) {
    grow(log_, 3);
    now_ += std::chrono::hours{1};
    const auto created = create(log_, codec_, **opened, now_, only_one);
    ASSERT_TRUE(created) << created.error().message;
    removed = created->removed;
  }
  EXPECT_EQ(removed.size(), 1u) << "what has expired is removed nevertheless";
  for (const auto& path : foreign) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(Backup, AClockThatWentBackMakesNoOlderBackup) {
  const Manifest first = create_backup();
  now_ -= std::chrono::hours{5};
  const Manifest second = create_backup();
  EXPECT_GT(second.id, first.id);
}

TEST_F(Backup, OneThatWasMadeYearsAheadDoesNotHoldUpTheNext) {
  const Timestamp now = now_;
  now_ += std::chrono::years{10};
  const Manifest ahead = create_backup();
  now_ = now;
  const Manifest next = create_backup();
  EXPECT_EQ(time_of_id(next.id), *time_of_id(ahead.id) + std::chrono::milliseconds{1});
  EXPECT_EQ(next.created, now_) << "its age is told truthfully";
}

std::vector<Manifest> history(std::initializer_list<std::pair<Kind, int>> kind_and_age_days) {
  std::vector<Manifest> backups;
  for (const auto& [kind, days] : kind_and_age_days) {
    Manifest one;
    one.id = std::string(1, static_cast<char>('a' + backups.size()));
    one.kind = kind;
    one.created = kNow - std::chrono::days{days};
    one.segments.resize(1);
    one.segments[0].file = one.id + "/1";
    backups.push_back(one);
  }
  return backups;
}

TEST(Retention, KeepsTheNewestFullOnesAndYoungOthers) {
  const auto kFull = Kind::kFull;
  const auto kMore = Kind::kIncremental;
  const auto backups =
      history({{kFull, 40}, {kMore, 39}, {kFull, 20}, {kMore, 8}, {kMore, 7}, {kFull, 1}});
  EXPECT_THAT(expired(backups, {}, kNow), ElementsAre("b", "d"));
  EXPECT_THAT(expired(backups, {.full = 2, .incremental = std::chrono::days{10}}, kNow),
              ElementsAre("a", "b"));
}

TEST(Retention, NeverDropsTheNewest) {
  const auto old = history({{Kind::kFull, 400}, {Kind::kIncremental, 399}});
  EXPECT_THAT(expired(old, {.full = 1, .incremental = std::chrono::hours{0}}, kNow), IsEmpty());
  EXPECT_THAT(expired(old, {.full = 0, .incremental = std::chrono::hours{0}}, kNow), IsEmpty());
}

TEST(Retention, ASegmentThatALaterBackupNeedsIsKept) {
  Catalog catalog;
  catalog.backups = history({{Kind::kFull, 40}, {Kind::kIncremental, 1}});
  catalog.backups[1].segments.insert(catalog.backups[1].segments.begin(),
                                     catalog.backups[0].segments[0]);
  for (const char* file : {"a/1", "a/manifest.json", "b/1", "b/manifest.json", "c/1"}) {
    catalog.files.emplace(file, 1);
  }
  EXPECT_THAT(disposable_files(catalog, {"a"}), ElementsAre("a/manifest.json", "c/1"));
}

}  // namespace
}  // namespace citas::backup

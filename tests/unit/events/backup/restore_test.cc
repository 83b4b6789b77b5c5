// Restoring backups: whole, to a position, to a time, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>

#include "tests/unit/events/backup/backup_world.h"

namespace citas::backup {
namespace {

TEST_F(Backup, ARestoredLogEqualsTheOriginalAndCarriesANewEpoch) {
  grow(log_, 20);
  const Manifest made = create_backup();
  EXPECT_EQ(made.kind, Kind::kFull);
  EXPECT_GT(made.segments.size(), 2u);
  EXPECT_EQ(made.end().head.hash, log_.head().hash);
  const auto restored = restore_to_place(made);
  ASSERT_TRUE(restored) << restored.error().message;
  const auto log = open_place();
  ASSERT_TRUE(log);
  expect_prefix(log_, *log, 20);
  EXPECT_EQ(listed_in(*log), listed_in(log_));
  EXPECT_EQ(log->epoch(), restored->epoch);
  EXPECT_GT(log->epoch(), log_.epoch());
  EXPECT_EQ(log->marked_head().head, (Head{restored->epoch, Position{20}, log_.head().hash}));
}

TEST_F(Backup, ARestoredLogGoesOn) {
  grow(log_, 6);
  const auto restored = restore_to_place(create_backup());
  ASSERT_TRUE(restored);
  {
    const auto log = open_place(RocksDbEventLog::Mode::kWrite);
    EXPECT_EQ(log->command_result(key_of(3)), "outcome 3");
    grow(*log, 2);
    EXPECT_EQ(records_of(*log).back().epoch, restored->epoch);
    EXPECT_EQ(records_of(*log).front().epoch, Epoch{1});
  }
  EXPECT_TRUE(verify(*open_place(), codec_, {}));
}

TEST_F(Backup, EveryPositionCanBeRestoredTo) {
  grow(log_, 11);
  grow(log_, 1);
  const Manifest made = create_backup();
  const auto all = records_of(log_);
  for (std::uint64_t until = 1; until <= 12; ++until) {
    const auto restored = restore_to_place(made, {.until = Position{until}});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->end.head.position, Position{until});
    {
      const auto log = open_place();
      expect_prefix(log_, *log, until);
      EXPECT_EQ(log->head().hash, all[until - 1].hash);
      std::vector<std::uint64_t> expected(until);
      std::iota(expected.begin(), expected.end(), 1);
      EXPECT_EQ(listed_in(*log), expected);
      EXPECT_EQ(log->command_result(key_of(until + 1)), std::nullopt);
    }
    std::filesystem::remove_all(place());
  }
}

TEST_F(Backup, ATimeMeansTheLongestPrefixThatIsNotLater) {
  grow(log_, 8);  // the event at position n is n milliseconds after kNow
  const Manifest made = create_backup();
  const auto length = [&](std::int64_t ms) {
    const auto restored = restore_to_place(made, {.until = kNow + std::chrono::milliseconds{ms}});
    std::filesystem::remove_all(place());
    return restored.value().end.head.position.value();
  };
  EXPECT_EQ(length(1), 1u);
  EXPECT_EQ(length(5), 5u);
  EXPECT_EQ(length(100), 8u);
}

// The server's clock ran ahead, and was right again when the backup was made.
TEST_F(Backup, ATimeBehindTheBackupsOwnIsKnownWhereLaterEventsAre) {
  grow(log_, 8);
  now_ = kNow - std::chrono::hours{2};
  const Manifest made = create_backup();
  const auto restored = restore_to_place(made, {.until = kNow + std::chrono::milliseconds{5}});
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->end.head.position, Position{5});
  std::filesystem::remove_all(place());
  EXPECT_FALSE(restore_to_place(made, {.until = kNow + std::chrono::milliseconds{9}}));
}

TEST_F(Backup, ProgressEndsWhereTheRestoreDoes) {
  grow(log_, 20);
  const Manifest made = create_backup();
  const Position segment_end = made.segments.at(1).after.head.position;
  const auto time_of = [](Position position) {
    return kNow + std::chrono::milliseconds{static_cast<std::int64_t>(position.value())};
  };
  const Position inside{segment_end.value() + 1};
  for (const Until& until :
       {Until{}, Until{inside}, Until{segment_end}, Until{time_of(inside)},
        Until{time_of(segment_end)}, Until{time_of(Position{1})}, Until{now_}}) {
    std::map<RestorePhase, std::vector<std::pair<Position, Position>>> told;  // done, total
    const auto restored = restore_to_place(
        made,
        {.until = until, .on_progress = [&](RestorePhase phase, Position done, Position total) {
           told[phase].emplace_back(done, total);
         }});
    ASSERT_TRUE(restored) << restored.error().message;
    std::filesystem::remove_all(place());
    const Position end = restored->end.head.position;
    ASSERT_EQ(told.size(), 2u);
    for (const auto& [phase, steps] : told) {
      EXPECT_EQ(steps.back(), std::pair(end, end));
      EXPECT_TRUE(std::ranges::is_sorted(steps, {}, [](const auto& step) { return step.first; }));
      for (const auto& [done, total] : steps) EXPECT_LE(done, total);
    }
    // From the first step on, what is left is known but for the events of one segment.
    const auto& [done, total] = told[RestorePhase::kCopying].front();
    EXPECT_GE(total, end);
    EXPECT_LE(total.value(), end.value() + segment_end.value());
  }
}

TEST_F(Backup, WhatTheBackupDoesNotReachIsRefused) {
  grow(log_, 3);
  const Manifest made = create_backup();
  for (const Until until : {Until{Position{4}}, Until{now_ + std::chrono::seconds{1}}}) {
    const auto restored = restore_to_place(made, {.until = until});
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(std::filesystem::exists(place()));
}

// Somebody is wrong about the year: an empty log would be served, and give slots away that are
// taken.
TEST_F(Backup, WhatLiesBeforeTheFirstEventIsRefused) {
  grow(log_, 8);  // the first one is a millisecond after kNow
  const Manifest made = create_backup();
  for (const Until until : {Until{Position{0}}, Until{kNow}}) {
    const auto restored = restore_to_place(made, {.until = until});
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, ErrorCode::kInvalidArgument);
    const std::string first = format_rfc3339(kNow + std::chrono::milliseconds{1});
    EXPECT_NE(restored.error().message.find("position 1, is of " + first), std::string::npos)
        << restored.error().message;
  }
  EXPECT_FALSE(std::filesystem::exists(place().parent_path())) << "nothing was made";
}

TEST_F(Backup, OfAnEmptyLogEveryMomentIsTheSame) {
  const Manifest made = create_backup();
  for (const Until until : {Until{Position{0}}, Until{kNow}}) {
    const auto restored = restore_to_place(made, {.until = until});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->end.head.position, Position{0});
    std::filesystem::remove_all(place());
  }
}

TEST_F(Backup, NothingIsEverRestoredOverALog) {
  grow(log_, 3);
  const Manifest made = create_backup();
  ASSERT_TRUE(restore_to_place(made));
  const Epoch epoch = open_place()->epoch();
  now_ += std::chrono::hours{1};
  const auto again = restore_to_place(made);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(again.error().message.find("move it away"), std::string::npos);
  EXPECT_EQ(open_place()->epoch(), epoch);
}

TEST_F(Backup, ALogThatCameInTheMeantimeIsNotReplaced) {
  grow(log_, 3);
  const Manifest made = create_backup();
  RocksDbLogImport target(place());
  ASSERT_TRUE(target.begin(log_.identity(), Epoch{5}, "key"));
  ASSERT_TRUE(target.finish({Epoch{5}, Position{0}, log_.identity().genesis()}, codec_));
  std::filesystem::create_directories(place());
  std::ofstream(place() / "HEAD") << "somebody else's";
  const Status published = target.publish();
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(Backup, AnInterruptedRestoreKeepsServersAwayAndCanBeRepeated) {
  grow(log_, 3);
  const Manifest made = create_backup();
  {
    RocksDbLogImport target(place());
    ASSERT_TRUE(target.begin(log_.identity(), Epoch{5}, "key"));
    const auto second = restore_to_place(made);
    ASSERT_FALSE(second) << "two restores to one place";
    EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  }
  const auto served = RocksDbEventLog::open(place(), codec_, ids_, RocksDbEventLog::Mode::kWrite);
  ASSERT_FALSE(served) << "an empty log in the place of the one being restored";
  EXPECT_EQ(served.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(served.error().message.find(".restoring"), std::string::npos);
  const auto restored = restore_to_place(made);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_FALSE(std::filesystem::exists(unfinished_import_of(place())));
  expect_prefix(log_, *open_place(RocksDbEventLog::Mode::kWrite), 3);
}

TEST_F(Backup, AServerThatStartsDuringARestoreDoesNotSpoilIt) {
  const Head end{Epoch{5}, Position{0}, log_.identity().genesis()};
  RocksDbLogImport target(place());
  ASSERT_TRUE(target.begin(log_.identity(), end.epoch, "key"));
  EXPECT_FALSE(RocksDbEventLog::open(place(), codec_, ids_, RocksDbEventLog::Mode::kWrite));
  ASSERT_TRUE(target.finish(end, codec_));
  const Status published = target.publish();
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_EQ(open_place(RocksDbEventLog::Mode::kWrite)->epoch(), end.epoch);
}

// Where a restore puts the log together lies something else: a log that somebody has moved out of
// the way, or a file beside what an interrupted restore has left.
TEST_F(Backup, WhatNoRestoreHasLeftIsNeitherDeletedNorServed) {
  grow(log_, 3);
  const Manifest made = create_backup();
  const std::filesystem::path unfinished = unfinished_import_of(place());
  ASSERT_TRUE(restore_to_place(made));
  std::filesystem::rename(place(), unfinished);
  const auto over_a_log = restore_to_place(made);
  ASSERT_FALSE(over_a_log);
  EXPECT_EQ(over_a_log.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(over_a_log.error().message.find("away"), std::string::npos);
  const auto served = RocksDbEventLog::open(place(), codec_, ids_, RocksDbEventLog::Mode::kWrite);
  ASSERT_FALSE(served);
  EXPECT_NE(served.error().message.find("if it is the log, move it back"), std::string::npos);
  std::filesystem::rename(unfinished, place());
  expect_prefix(log_, *open_place(), 3);

  std::filesystem::remove_all(place());
  { ASSERT_TRUE(RocksDbLogImport(place()).begin(log_.identity(), Epoch{5}, "key")); }
  std::ofstream(unfinished / "notes") << "somebody's";
  const auto with_notes = restore_to_place(made);
  ASSERT_FALSE(with_notes);
  EXPECT_NE(with_notes.error().message.find("notes"), std::string::npos);
  std::filesystem::remove(unfinished / "notes");
  ASSERT_TRUE(restore_to_place(made));
  EXPECT_FALSE(std::filesystem::exists(place() / kImportMark));
}

// Said at once: a rename would find out after hours of copying.
TEST_F(Backup, WhatARenameCannotReplaceIsRefusedBeforeTheCopying) {
  grow(log_, 3);
  const Manifest made = create_backup();
  const std::filesystem::path elsewhere = folder_.path() / "elsewhere";
  std::filesystem::create_directories(elsewhere);
  std::filesystem::create_directories(place().parent_path());
  for (const bool is_link : {true, false}) {
    std::filesystem::remove(place());
    if (is_link) std::filesystem::create_directory_symlink(elsewhere, place());
    if (!is_link) std::ofstream(place()) << "a file";
    const auto restored = restore_to_place(made);
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_NE(restored.error().message.find(is_link ? " is a link, " : " is no folder, "),
              std::string::npos)
        << restored.error().message;
    EXPECT_FALSE(std::filesystem::exists(unfinished_import_of(place())));
  }
}

TEST_F(Backup, AClockFarAheadAtOneRestoreSpoilsNoLaterOne) {
  grow(log_, 3);
  const Manifest made = create_backup();
  const Timestamp now = now_;
  now_ = *parse_rfc3339("2107-01-01T00:00:00Z");
  const auto refused = restore_to_place(made);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find("clock says 2107"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(place()));
  now_ = now;
  ASSERT_TRUE(restore_to_place(made));
  EXPECT_LT(open_place()->epoch().value(), UINT32_MAX / 2);
}

// What earlier versions made of such a clock.
TEST_F(Backup, OneOfTheLastEpochIsRefusedInWords) {
  MemoryEventLog last(kTestLog, Epoch{UINT32_MAX});
  grow(last, 3);
  const auto created = create(last, codec_, store_, now_, {});
  ASSERT_TRUE(created) << created.error().message;
  const auto refused = restore_to_place(created->backup);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST(NextEpoch, IsNeverGivenTwice) {
  const Timestamp now = at_ms(1'790'000'000'123);
  EXPECT_EQ(next_epoch(Epoch{1}, now), Epoch{1'790'000'000});
  EXPECT_EQ(next_epoch(Epoch{1'790'000'000}, now), Epoch{1'790'000'001});
  EXPECT_EQ(next_epoch(Epoch{1'900'000'000}, now), Epoch{1'900'000'001});
}

}  // namespace
}  // namespace citas::backup

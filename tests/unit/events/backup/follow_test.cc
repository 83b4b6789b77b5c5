// Reading a log beside its writer, and the list of outcomes that backups need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "events/rocksdb/log_database.h"
#include "events/verify.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/events/backup/backup_kit.h"

namespace citas::backup {
namespace {

namespace fs = std::filesystem;

class Follow : public ::testing::Test {
 protected:
  using Mode = RocksDbEventLog::Mode;

  Result<std::unique_ptr<RocksDbEventLog>> open(Mode mode) {
    return RocksDbEventLog::open(folder_.path() / "log", codec_, ids_, mode);
  }

  TempFolder folder_;
  Codec codec_;
  SystemClock clock_;
  RandomIdSource ids_{clock_};
};

// Enough events for memtables to be written out and write-ahead logs to be removed many times.
TEST_F(Follow, SeesAWholePrefixWhileItsWriterIsAtWork) {
  const auto writer = open(Mode::kWrite);
  ASSERT_TRUE(writer);
  constexpr std::uint64_t kEvents = 200'000;
  std::atomic<std::uint64_t> acknowledged{0};
  std::jthread writing([&] {
    while (acknowledged < kEvents) {
      grow(**writer, 500);
      acknowledged = (*writer)->committed().value();
    }
  });
  std::size_t looks = 0;
  while (acknowledged < kEvents) {
    const std::uint64_t before = acknowledged;
    const auto log = open(Mode::kFollow);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_GE((*log)->committed(), Position{before});
    const std::uint64_t end = (*log)->committed().value();
    const auto verified = verify(**log, codec_, {.check_tags = false});
    ASSERT_TRUE(verified) << verified.error().message;
    std::uint64_t listed = 0;
    ASSERT_TRUE((*log)->read_results(Position{0}, Position{end}, [&](const ListedResult& result) {
      EXPECT_EQ(result.position.value(), ++listed);
      return true;
    }));
    ASSERT_EQ(listed, end) << "one outcome for each event";
    EXPECT_FALSE((*log)->append({}));
    ++looks;
  }
  EXPECT_GT(looks, 1u);
}

TEST_F(Follow, AStoppedServersFolderIsReadTheSameWay) {
  grow(**open(Mode::kWrite), 10);
  const auto log = open(Mode::kFollow);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->committed(), Position{10});
  // A server may start meanwhile.
  EXPECT_TRUE(open(Mode::kWrite));
}

TEST_F(Follow, WhatIsBehindTheMarkerWasNotAcknowledgedAndIsNotSeen) {
  {
    const auto writer = open(Mode::kWrite);
    grow(**writer, 3);
    fs::copy_file(folder_.path() / "log/HEAD", folder_.path() / "HEAD.3");
    grow(**writer, 2);
  }
  fs::copy_file(folder_.path() / "HEAD.3", folder_.path() / "log/HEAD",
                fs::copy_options::overwrite_existing);
  const auto log = open(Mode::kFollow);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ((*log)->committed(), Position{3});
  EXPECT_EQ((*log)->head().position, Position{3});
  EXPECT_EQ(records_of(**log).size(), 3u);
}

TEST_F(Follow, ADamagedLogIsRefused) {
  grow(**open(Mode::kWrite), 100);
  for (const auto& entry : fs::directory_iterator(folder_.path() / "log/db")) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) {
      fs::resize_file(entry.path(), entry.file_size() / 2);
    }
  }
  const auto log = open(Mode::kFollow);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::kCorruption);
}

TEST_F(Follow, NeedsALog) {
  EXPECT_EQ(open(Mode::kFollow).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_.path() / "log"));
}

// A log as versions before the list of outcomes wrote it.
class EarlierLog : public Follow {
 protected:
  void SetUp() override {
    grow(**open(Mode::kWrite), 5);
    auto database = LogDatabase::open(folder_.path() / "log/db", LogDatabase::Access::kWrite);
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(database->db().DropColumnFamily(database->result_list()).ok());
    ASSERT_TRUE(database->db().Delete({}, "result_list").ok());
  }
};

TEST_F(EarlierLog, CanBeReadButNotBackedUp) {
  for (const Mode mode : {Mode::kReadOnly, Mode::kFollow}) {
    const auto log = open(mode);
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(records_of(**log).size(), 5u);
    EXPECT_EQ((*log)->command_result(key_of(5)), "outcome 5");
    const Status listed = (*log)->read_results(Position{0}, Position{5}, {});
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code, ErrorCode::kFailedPrecondition);
  }
}

TEST_F(EarlierLog, AServerOfThisVersionListsTheOldOutcomesAtTheEnd) {
  grow(**open(Mode::kWrite), 1);
  const auto log = open(Mode::kReadOnly);
  EXPECT_THAT(listed_in(**log), ::testing::ElementsAre(5, 5, 5, 5, 5, 6));
}

TEST_F(Follow, AListThatHasLostEntriesIsNoticedAtTheStart) {
  grow(**open(Mode::kWrite), 5);
  {
    auto database = LogDatabase::open(folder_.path() / "log/db", LogDatabase::Access::kWrite);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->db().Delete({}, database->result_list(), std::string(8 + 32, '\0')).ok());
  }
  const auto opened = open(Mode::kWrite);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
}

}  // namespace
}  // namespace citas::backup

// What the log makes of its head marker: when it is synced, and what follows when it cannot be
// written, or its folder is no longer in its place.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>

#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests
using rocksdb::IOStatus;
using Options = rocksdb::IOOptions;
using Debug = rocksdb::IODebugContext;

// Knows whether the last write of the marker would survive power loss.
class WatchedDisk : public rocksdb::FileSystemWrapper {
 public:
  WatchedDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "WatchedDisk"; }

  IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* file, Debug* debug) override {
    const IOStatus done = target()->NewRandomRWFile(path, options, file, debug);
    if (done.ok() && std::filesystem::path(path).filename() == "HEAD") {
      *file = std::make_unique<Marker>(std::move(*file), *this);
    }
    return done;
  }

  std::atomic<bool> is_synced{true};
  std::atomic<bool> fails_syncs{false};
  std::atomic<int> writes{0};
  std::function<IOStatus()> before_write = [] { return IOStatus::OK(); };

 private:
  class Marker : public rocksdb::FSRandomRWFileOwnerWrapper {
   public:
    Marker(std::unique_ptr<rocksdb::FSRandomRWFile> real, WatchedDisk& disk)
        : FSRandomRWFileOwnerWrapper(std::move(real)), disk_(disk) {}
    IOStatus Write(uint64_t offset, const rocksdb::Slice& data, const Options& options,
                   Debug* debug) override {
      if (IOStatus refused = disk_.before_write(); !refused.ok()) return refused;
      EXPECT_TRUE(disk_.is_synced) << "write " << disk_.writes;
      disk_.is_synced = false;
      ++disk_.writes;
      return FSRandomRWFileOwnerWrapper::Write(offset, data, options, debug);
    }
    IOStatus Sync(const Options& options, Debug* debug) override {
      if (disk_.fails_syncs) return IOStatus::IOError("the disk was told to fail");
      const IOStatus synced = FSRandomRWFileOwnerWrapper::Sync(options, debug);
      disk_.is_synced = true;
      return synced;
    }

   private:
    WatchedDisk& disk_;
  };
};

class LogAndMarker : public ::testing::Test {
 protected:
  std::unique_ptr<RocksDbEventLog> open() {
    auto log =
        RocksDbEventLog::open(path(), codec_, ids_, RocksDbEventLog::Mode::kWrite, {.disk = disk_});
    EXPECT_TRUE(log) << log.error().message;
    return log ? *std::move(log) : nullptr;
  }
  std::filesystem::path path() const { return folder_.path() / "log"; }
  static ErrorCode append_error(EventLog& log) {
    const auto appended = append(log);
    return appended ? ErrorCode::kNotFound : appended.error().code;
  }
  static Result<Head> append(EventLog& log) {
    const Event event = event_at(log.head().position.value() + 1, AppointmentRequested{ref(1), {}});
    return log.append({{record_of(event, log.identity())}, {}});
  }

  const TempFolder folder_;
  const SystemClock clock_;
  RandomIdSource ids_{clock_};
  const Codec codec_;
  const std::shared_ptr<WatchedDisk> disk_ = std::make_shared<WatchedDisk>();
};

TEST_F(LogAndMarker, ItIsSyncedBeforeTheNextWriteAndAtStop) {
  for (int life = 0; life < 20; ++life) {
    {
      const auto log = open();
      ASSERT_TRUE(append(*log));
      ASSERT_TRUE(append(*log));
    }
    EXPECT_TRUE(disk_->is_synced) << "life " << life;
  }
  EXPECT_EQ(disk_->writes, 20 * 3) << "at the opening, and for each batch";
}

// Nothing is acknowledged that its marker does not know, and nothing is tried again.
TEST_F(LogAndMarker, OneThatCannotBeWrittenIsTheEnd) {
  const auto log = open();
  ASSERT_TRUE(append(*log));
  disk_->before_write = [] { return IOStatus::NoSpace("the disk was told to fail"); };
  EXPECT_EQ(append_error(*log), ErrorCode::kUnknownOutcome);
  EXPECT_EQ(log->head().position, Position{1});
  disk_->before_write = [] { return IOStatus::OK(); };
  EXPECT_EQ(append_error(*log), ErrorCode::kUnavailable);
}

TEST_F(LogAndMarker, OneThatCannotBeSyncedIsTheEndAtTheNextBatch) {
  const auto log = open();
  ASSERT_TRUE(append(*log));
  disk_->fails_syncs = true;
  auto appended = append(*log);
  // The sync of the first may have been done by then.
  if (appended) appended = append(*log);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, ErrorCode::kUnknownOutcome);
  disk_->fails_syncs = false;
  EXPECT_EQ(append_error(*log), ErrorCode::kUnavailable);
}

TEST_F(LogAndMarker, WithItsFolderElsewhereNothingIsDone) {
  const auto log = open();
  ASSERT_TRUE(append(*log));
  const int writes = disk_->writes;
  std::filesystem::rename(path(), folder_.path() / "moved");
  EXPECT_EQ(append_error(*log), ErrorCode::kCorruption);
  EXPECT_EQ(disk_->writes, writes);
  std::filesystem::rename(folder_.path() / "moved", path());
  EXPECT_EQ(append_error(*log), ErrorCode::kUnavailable);
}

TEST_F(LogAndMarker, WithItsFolderMovedMeanwhileNothingIsAcknowledged) {
  const auto log = open();
  ASSERT_TRUE(append(*log));
  disk_->before_write = [&] {
    std::filesystem::rename(path(), folder_.path() / "moved");
    return IOStatus::OK();
  };
  EXPECT_EQ(append_error(*log), ErrorCode::kUnknownOutcome);
  EXPECT_EQ(log->head().position, Position{1});
}

}  // namespace
}  // namespace citas

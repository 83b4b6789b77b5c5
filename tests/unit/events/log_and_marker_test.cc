// When the head marker is synced: at most one batch later, and at stop.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
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
  std::atomic<int> writes{0};

 private:
  class Marker : public rocksdb::FSRandomRWFileOwnerWrapper {
   public:
    Marker(std::unique_ptr<rocksdb::FSRandomRWFile> real, WatchedDisk& disk)
        : FSRandomRWFileOwnerWrapper(std::move(real)), disk_(disk) {}
    IOStatus Write(uint64_t offset, const rocksdb::Slice& data, const Options& options,
                   Debug* debug) override {
      EXPECT_TRUE(disk_.is_synced) << "write " << disk_.writes;
      disk_.is_synced = false;
      ++disk_.writes;
      return FSRandomRWFileOwnerWrapper::Write(offset, data, options, debug);
    }
    IOStatus Sync(const Options& options, Debug* debug) override {
      const IOStatus synced = FSRandomRWFileOwnerWrapper::Sync(options, debug);
      disk_.is_synced = true;
      return synced;
    }

   private:
    WatchedDisk& disk_;
  };
};

TEST(MarkerSync, ComesBeforeTheNextWriteAndAtStop) {
  const TempFolder folder;
  const SystemClock clock;
  RandomIdSource ids(clock);
  const Codec codec;
  const auto disk = std::make_shared<WatchedDisk>();
  for (std::uint64_t life = 0; life < 20; ++life) {
    {
      const auto log = RocksDbEventLog::open(folder.path() / "log", codec, ids,
                                             RocksDbEventLog::Mode::kWrite, {.disk = disk});
      ASSERT_TRUE(log) << log.error().message;
      for (std::uint64_t position = 2 * life + 1; position <= 2 * life + 2; ++position) {
        const Event event = event_at(position, AppointmentRequested{ref(1), {}});
        ASSERT_TRUE((*log)->append({{record_of(event, (*log)->identity())}, {}}));
      }
    }
    EXPECT_TRUE(disk->is_synced) << "life " << life;
  }
  EXPECT_EQ(disk->writes, 20 * 3) << "at the opening, and for each batch";
}

}  // namespace
}  // namespace citas

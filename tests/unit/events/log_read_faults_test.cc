// A read that fails while a log is opened: the log is refused, or nothing of it is missing or
// twice.
#include <gtest/gtest.h>

#include <atomic>

#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests
using rocksdb::IOStatus;
using Mode = RocksDbEventLog::Mode;

constexpr std::uint64_t kCommands = 5;

// Fails one read of a table.
class UnreadableOnce : public rocksdb::FileSystemWrapper {
 public:
  explicit UnreadableOnce(int number)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), left_(number) {}
  const char* Name() const override { return "UnreadableOnce"; }

  IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               rocksdb::IODebugContext* debug) override {
    const IOStatus done = target()->NewRandomAccessFile(path, options, file, debug);
    if (done.ok()) *file = std::make_unique<Table>(std::move(*file), *this);
    return done;
  }

  bool has_failed() const { return left_ <= 0; }

 private:
  class Table : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    Table(std::unique_ptr<rocksdb::FSRandomAccessFile> real, UnreadableOnce& disk)
        : FSRandomAccessFileOwnerWrapper(std::move(real)), disk_(disk) {}
    IOStatus Read(uint64_t offset, size_t size, const rocksdb::IOOptions& options,
                  rocksdb::Slice* result, char* scratch,
                  rocksdb::IODebugContext* debug) const override {
      if (--disk_.left_ == 0) return IOStatus::IOError("the disk was told to fail");
      return FSRandomAccessFileOwnerWrapper::Read(offset, size, options, result, scratch, debug);
    }

   private:
    UnreadableOnce& disk_;
  };

  std::atomic<int> left_;
};

class LogReadFaults : public ::testing::Test {
 protected:
  Result<std::unique_ptr<RocksDbEventLog>> open(Mode mode, const LogStorage& storage = {}) {
    return RocksDbEventLog::open(folder_.path() / "log", codec_, ids_, mode, storage);
  }

  // Opened again, so that all of it lies in tables.
  void make_log() {
    {
      auto log = open(Mode::kWrite);
      ASSERT_TRUE(log) << log.error().message;
      for (std::uint64_t position = 1; position <= kCommands; ++position) {
        const Event event = event_at(position, AppointmentRequested{ref(1), {}});
        const auto head =
            (*log)->append({{record_of(event, (*log)->identity())},
                            {{sha256({std::to_string(position)}), "outcome", Position{position}}}});
        ASSERT_TRUE(head) << head.error().message;
        (*log)->commit(head->position);
      }
    }
    ASSERT_TRUE(open(Mode::kWrite));
  }

  static std::vector<std::uint64_t> listed(const EventLog& log) {
    std::vector<std::uint64_t> positions;
    EXPECT_TRUE(log.read_results(Position{0}, Position{UINT64_MAX}, [&](const ListedResult& one) {
      positions.push_back(one.position.value());
      return true;
    }));
    return positions;
  }

  TempFolder folder_;
  Codec codec_;
  SystemClock clock_;
  RandomIdSource ids_{clock_};
};

TEST_F(LogReadFaults, NoOutcomeIsMissingOrListedTwice) {
  make_log();
  for (const Mode mode : {Mode::kReadOnly, Mode::kWrite}) {
    int refusals = 0;
    for (int number = 1;; ++number) {
      const auto disk = std::make_shared<UnreadableOnce>(number);
      {
        const auto log = open(mode, {.disk = disk});
        if (log && !disk->has_failed()) break;
        refusals += log ? 0 : 1;
      }
      const auto log = open(Mode::kReadOnly);
      ASSERT_TRUE(log) << log.error().message;
      ASSERT_EQ(listed(**log), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}))
          << "after read " << number << " has failed";
    }
    EXPECT_GT(refusals, 5);
  }
}

}  // namespace
}  // namespace citas

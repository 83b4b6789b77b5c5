// A pointer to a manifest whose name a power cut has taken is a log that does not open. Found by
// ops/torture power, whose disk loses names in any order.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using rocksdb::IOStatus;
using Options = rocksdb::IOOptions;
using Debug = rocksdb::IODebugContext;

// Knows which manifests have a name that their folder has not been synced with.
class WatchedDisk : public rocksdb::FileSystemWrapper {
 public:
  WatchedDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "WatchedDisk"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, Debug* debug) override {
    if (path.find("/MANIFEST-") != std::string::npos) losable_.insert(path);
    return target()->NewWritableFile(path, options, file, debug);
  }
  IOStatus NewDirectory(const std::string& path, const Options& options,
                        std::unique_ptr<rocksdb::FSDirectory>* folder, Debug* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> opened;
    const IOStatus done = target()->NewDirectory(path, options, &opened, debug);
    *folder = std::make_unique<Folder>(std::move(opened), losable_);
    return done;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const Options& options,
                      Debug* debug) override {
    if (std::filesystem::path(to).filename() == "CURRENT") {
      ++pointed_;
      EXPECT_EQ(losable_, std::set<std::string>{});
    }
    return target()->RenameFile(from, to, options, debug);
  }

  int pointed() const { return pointed_; }

 private:
  class Folder : public rocksdb::FSDirectoryWrapper {
   public:
    Folder(std::unique_ptr<rocksdb::FSDirectory> real, std::set<std::string>& losable)
        : FSDirectoryWrapper(std::move(real)), losable_(losable) {}
    IOStatus Fsync(const Options& options, Debug* debug) override {
      losable_.clear();
      return FSDirectoryWrapper::Fsync(options, debug);
    }

   private:
    std::set<std::string>& losable_;
  };

  std::set<std::string> losable_;
  int pointed_ = 0;
};

TEST(OrderedNames, AManifestHasItsNameBeforeAnythingPointsToIt) {
  const testing::TempFolder folder;
  const SystemClock clock;
  RandomIdSource ids(clock);
  const Codec codec;
  const auto disk = std::make_shared<WatchedDisk>();
  for (int life = 1; life <= 2; ++life) {
    const auto log = RocksDbEventLog::open(folder.path() / "log", codec, ids,
                                           RocksDbEventLog::Mode::kWrite, {.disk = disk});
    ASSERT_TRUE(log) << log.error().message;
  }
  EXPECT_GE(disk->pointed(), 2);
}

}  // namespace
}  // namespace citas

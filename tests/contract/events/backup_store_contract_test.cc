// What every BackupStore promises, on every adapter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "events/backup/files/file_backup_store.h"
#include "events/backup/memory/memory_backup_store.h"
#include "tests/support/temp_folder.h"

namespace citas::backup {
namespace {

using citas::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::Pair;

class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual BackupStore& store() = 0;
};

class MemoryAdapter final : public Adapter {
 public:
  BackupStore& store() override { return store_; }

 private:
  MemoryBackupStore store_;
};

class FileAdapter final : public Adapter {
 public:
  FileAdapter() {
    auto opened =
        FileBackupStore::open(folder_.path() / "a/backups", FileBackupStore::Access::kWrite);
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  BackupStore& store() override { return *store_; }

 private:
  TempFolder folder_;
  std::unique_ptr<BackupStore> store_;
};

using MakeAdapter = std::unique_ptr<Adapter> (*)();
template <typename A>
std::unique_ptr<Adapter> make() {
  return std::make_unique<A>();
}

class BackupStoreContract : public ::testing::TestWithParam<MakeAdapter> {
 protected:
  BackupStore& store() { return adapter_->store(); }
  std::unique_ptr<Adapter> adapter_ = GetParam()();
};

TEST_P(BackupStoreContract, WhatIsWrittenCanBeReadAndIsListed) {
  const std::string bytes("\0binary\n", 8);
  ASSERT_TRUE(store().write("one/file", bytes));
  ASSERT_TRUE(store().write("two/empty", ""));
  EXPECT_EQ(store().read("one/file"), bytes);
  EXPECT_EQ(store().read("two/empty"), "");
  EXPECT_THAT(*store().list(), ElementsAre(Pair("one/file", 8), Pair("two/empty", 0)));
}

TEST_P(BackupStoreContract, NothingIsWrittenTwice) {
  ASSERT_TRUE(store().write("one/file", "first"));
  const Status again = store().write("one/file", "second");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(store().read("one/file"), "first");
}

TEST_P(BackupStoreContract, WhatIsRemovedIsGone) {
  ASSERT_TRUE(store().write("one/a", "a"));
  ASSERT_TRUE(store().write("one/b", "b"));
  ASSERT_TRUE(store().remove("one/a"));
  EXPECT_EQ(store().read("one/a").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(*store().list(), ElementsAre(Pair("one/b", 1)));
  EXPECT_TRUE(store().remove("one/a"));
  EXPECT_TRUE(store().remove("never/was"));
  ASSERT_TRUE(store().remove("one/b"));
  ASSERT_TRUE(store().write("one/a", "again"));
}

TEST_P(BackupStoreContract, ALargeFileIsWhole) {
  std::string bytes(5'000'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); i += 1'001) bytes[i] = static_cast<char>(i);
  ASSERT_TRUE(store().write("one/large", bytes));
  EXPECT_EQ(store().read("one/large"), bytes);
}

INSTANTIATE_TEST_SUITE_P(Memory, BackupStoreContract, ::testing::Values(&make<MemoryAdapter>));
INSTANTIATE_TEST_SUITE_P(Files, BackupStoreContract, ::testing::Values(&make<FileAdapter>));

class FileStore : public ::testing::Test {
 protected:
  using Access = FileBackupStore::Access;
  auto open(Access access) { return FileBackupStore::open(folder_.path() / "backups", access); }
  TempFolder folder_;
};

TEST_F(FileStore, ReadingNeedsAFolderAndMakesNone) {
  EXPECT_EQ(open(Access::kRead).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "backups"));
}

TEST_F(FileStore, ReadersKeepWritersAway) {
  const auto writer = open(Access::kWrite);
  ASSERT_TRUE(writer);
  EXPECT_EQ(open(Access::kWrite).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(open(Access::kRead).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(FileStore, ManyMayReadAtOnce) {
  ASSERT_TRUE(open(Access::kWrite));
  const auto reader = open(Access::kRead);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(open(Access::kRead));
  EXPECT_FALSE(open(Access::kWrite));
}

TEST_F(FileStore, WhatWasLeftUnfinishedIsNotThere) {
  {
    const auto store = open(Access::kWrite);
    ASSERT_TRUE((*store)->write("one/whole", "w"));
    std::ofstream(folder_.path() / "backups/one/half.unfinished") << "half";
    EXPECT_THAT(*(*store)->list(), ElementsAre(Pair("one/whole", 1)));
  }
  const auto store = open(Access::kWrite);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "backups/one/half.unfinished"));
  ASSERT_TRUE((*store)->write("one/half", "now whole"));
}

TEST_F(FileStore, FilesAreForTheirOwnerAlone) {
  const auto store = open(Access::kWrite);
  ASSERT_TRUE((*store)->write("one/file", "secret"));
  namespace fs = std::filesystem;
  const auto others = fs::perms::group_all | fs::perms::others_all;
  for (const auto& path : {"backups", "backups/one", "backups/one/file"}) {
    EXPECT_EQ(fs::status(folder_.path() / path).permissions() & others, fs::perms::none) << path;
  }
}

}  // namespace
}  // namespace citas::backup

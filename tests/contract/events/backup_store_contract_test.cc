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
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kFirst[] = "20260101T000000000Z/000001.segment";
constexpr char kSecond[] = "20260101T000000000Z/manifest.json";
constexpr char kLast[] = "20260102T235959999Z/1000000.segment";
// Names that only resemble those of backups.
constexpr const char* kForeign[] = {"photos/a.txt",
                                    "log/HEAD",
                                    "log/000001.segment",
                                    "20260101T000000000Z/notes.txt",
                                    "20260101T000000000Z/00001.segment",
                                    "20260101T000000000Z/00000x.segment",
                                    "20260101T000000000Z/deep/000001.segment",
                                    "20261301T000000000Z/000001.segment",
                                    "20260101T000000000z/manifest.json",
                                    "2026-0101T00000000Z/manifest.json"};

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
  ASSERT_TRUE(store().write(kFirst, bytes));
  ASSERT_TRUE(store().write(kLast, ""));
  EXPECT_EQ(store().read(kFirst), bytes);
  EXPECT_EQ(store().read(kLast), "");
  EXPECT_THAT(*store().list(), ElementsAre(Pair(kFirst, 8), Pair(kLast, 0)));
}

TEST_P(BackupStoreContract, NothingIsWrittenTwice) {
  ASSERT_TRUE(store().write(kFirst, "first"));
  const Status again = store().write(kFirst, "second");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(store().read(kFirst), "first");
}

TEST_P(BackupStoreContract, WhatIsRemovedIsGone) {
  ASSERT_TRUE(store().write(kFirst, "a"));
  ASSERT_TRUE(store().write(kSecond, "b"));
  ASSERT_TRUE(store().remove(kFirst));
  EXPECT_EQ(store().read(kFirst).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(*store().list(), ElementsAre(Pair(kSecond, 1)));
  EXPECT_TRUE(store().remove(kFirst));
  EXPECT_TRUE(store().remove(kLast));
  ASSERT_TRUE(store().remove(kSecond));
  ASSERT_TRUE(store().write(kFirst, "again"));
}

TEST_P(BackupStoreContract, ALargeFileIsWhole) {
  std::string bytes(5'000'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); i += 1'001) bytes[i] = static_cast<char>(i);
  ASSERT_TRUE(store().write(kFirst, bytes));
  EXPECT_EQ(store().read(kFirst), bytes);
}

TEST_P(BackupStoreContract, OnlyFilesOfBackupsAreAStores) {
  for (const char* name : kForeign) {
    const Status written = store().write(name, "not a backup's");
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code, ErrorCode::kInvalidArgument);
    const Status removed = store().remove(name);
    ASSERT_FALSE(removed) << name;
    EXPECT_EQ(removed.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_THAT(*store().list(), IsEmpty());
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

TEST_F(FileStore, AFolderThatCannotBeLookedIntoIsNotTakenForNone) {
  const auto folder = folder_.path() / "backups";
  std::filesystem::create_directory_symlink(folder, folder);
  for (const Access access : {Access::kRead, Access::kWrite}) {
    const auto opened = open(access);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable) << opened.error().message;
  }
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
  const auto half = folder_.path() / "backups" / (std::string(kSecond) + ".unfinished");
  {
    const auto store = open(Access::kWrite);
    ASSERT_TRUE((*store)->write(kFirst, "w"));
    std::ofstream(half) << "half";
    EXPECT_THAT(*(*store)->list(), ElementsAre(Pair(kFirst, 1)));
  }
  const auto store = open(Access::kWrite);
  EXPECT_FALSE(std::filesystem::exists(half));
  ASSERT_TRUE((*store)->write(kSecond, "now whole"));
}

TEST_F(FileStore, WhatLiesBesideBackupsIsNotSeenAndStays) {
  const auto backups = folder_.path() / "backups";
  std::vector<std::filesystem::path> foreign;
  for (const char* name : kForeign) {
    for (const char* suffix : {"", ".unfinished"}) {
      foreign.push_back(backups / (std::string(name) + suffix));
      std::filesystem::create_directories(foreign.back().parent_path());
      std::ofstream(foreign.back()) << "somebody else's";
    }
  }
  const auto store = open(Access::kWrite);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->write(kFirst, "w"));
  EXPECT_THAT(*(*store)->list(), ElementsAre(Pair(kFirst, 1)));
  ASSERT_TRUE((*store)->remove(kFirst));
  for (const auto& path : foreign) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(FileStore, ABackupThatCannotBeLookedIntoIsNotTakenForNone) {
  const auto store = open(Access::kWrite);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->write(kFirst, "w"));
  const auto unreadable = folder_.path() / "backups" / "20260102T000000000Z";
  std::filesystem::create_directory_symlink(unreadable, unreadable);
  const auto listed = (*store)->list();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::kUnavailable) << listed.error().message;
}

TEST_F(FileStore, FilesAreForTheirOwnerAlone) {
  const auto store = open(Access::kWrite);
  ASSERT_TRUE((*store)->write(kFirst, "secret"));
  namespace fs = std::filesystem;
  const auto others = fs::perms::group_all | fs::perms::others_all;
  const fs::path file = folder_.path() / "backups" / kFirst;
  for (const auto& path : {file, file.parent_path(), folder_.path() / "backups"}) {
    EXPECT_EQ(fs::status(path).permissions() & others, fs::perms::none) << path;
  }
}

}  // namespace
}  // namespace citas::backup

// Where a server may begin a new log, and where that would hide an old one.
#include "ops/citas/new_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_folder.h"

namespace citas::ops {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

void put(const fs::path& file) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "x";
}

std::string refusal(const fs::path& data, bool must_exist = false) {
  const Status checked = check_may_begin_log(data, must_exist);
  return checked ? "" : checked.error().message;
}

TEST(NewLog, MayBeBegunWhereThereIsNothing) {
  const citas::testing::TempFolder folder;
  EXPECT_FALSE(has_log(folder.path()));
  EXPECT_EQ(refusal(folder.path()), "");
  EXPECT_EQ(refusal(folder.path() / "not" / "made" / "yet"), "");
}

TEST(NewLog, MayNotBeBegunWhereOneMustExist) {
  const citas::testing::TempFolder folder;
  EXPECT_THAT(refusal(folder.path(), true),
              AllOf(HasSubstr("--existing-log"), HasSubstr((folder.path() / "log").string()),
                    HasSubstr("mounted at /"), HasSubstr("citas init")));
  for (const char* part : {"log/db/CURRENT", "log/HEAD"}) {
    const citas::testing::TempFolder begun;
    put(begun.path() / part);
    EXPECT_TRUE(has_log(begun.path()));
    EXPECT_EQ(refusal(begun.path(), true), "");
  }
}

TEST(NewLog, MayNotBeBegunBesideTheCopiesOfAnother) {
  const citas::testing::TempFolder folder;
  put(folder.path() / "projections" / "appointments_by_insured" / "CURRENT");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("projections beside it holds"));
  put(folder.path() / "bus" / "nats-server.conf");
  EXPECT_THAT(refusal(folder.path()),
              AllOf(HasSubstr("projections and bus beside it hold"), HasSubstr("citas init"),
                    HasSubstr("restore-to-a-point-in-time.md"), Not(HasSubstr("--existing-log"))));
}

// --data ./data/log, by mistake: the empty log would lie within the one that was meant.
TEST(NewLog, MayNotBeBegunWithinAnother) {
  const citas::testing::TempFolder folder;
  const fs::path log = folder.path() / "log";
  put(log / "HEAD");
  put(log / "db" / "CURRENT");
  for (const fs::path& given : {log, log / ""}) {
    EXPECT_THAT(refusal(given),
                AllOf(HasSubstr("is a log itself"), EndsWith("name " + folder.path().string())));
  }
  EXPECT_EQ(refusal(folder.path()), "");
}

TEST(NewLog, IsNotHinderedByWhatNoServerHasMade) {
  const citas::testing::TempFolder folder;
  for (const char* name : {"projections", "bus", "countries/PE"}) {
    fs::create_directories(folder.path() / name / "lost+found");
  }
  put(folder.path() / "countries" / "PE" / "CURRENT");
  EXPECT_EQ(refusal(folder.path()), "");
}

// Its own message names the restore.
TEST(NewLog, LeavesAnUnfinishedRestoreToWhoeverOpensIt) {
  const citas::testing::TempFolder folder;
  fs::create_directories(folder.path() / "log.restoring");
  EXPECT_EQ(refusal(folder.path(), true), "");
}

TEST(NewLog, IsOnTheFileSystemOfWhereItWillBe) {
  struct stat shared {};
  struct stat root {};
  if (::stat("/dev/shm", &shared) != 0 || ::stat("/", &root) != 0 || shared.st_dev == root.st_dev) {
    GTEST_SKIP() << "/dev/shm is no file system of its own here";
  }
  EXPECT_EQ(describe_place("/dev/shm/not/there"),
            "/dev/shm/not/there (tmpfs, mounted at /dev/shm)");
}

}  // namespace
}  // namespace citas::ops

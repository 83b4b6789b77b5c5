// What `citas doctor` says of the data folder, the log in it, and who holds it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "ops/citas/doctor/data.h"
#include "tests/support/temp_folder.h"

namespace citas::ops::doctor {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FolderFacts sound_folder() {
  return {.folder = "data",
          .exists = true,
          .is_folder = true,
          .writable = true,
          .owner = "citas",
          .permissions = 0700,
          .foreign = {}};
}

TEST(DoctorFolder, IsSound) {
  const Finding finding = check_folder(sound_folder());
  EXPECT_EQ(finding.verdict, Verdict::kOk);
  EXPECT_EQ(finding.what, "data belongs to citas, mode 0700");
  EXPECT_THAT(finding.next, IsEmpty());
}

TEST(DoctorFolder, MayBeMadeAtTheFirstStart) {
  const Finding finding = check_folder({.folder = "data", .writable = true});
  EXPECT_EQ(finding.verdict, Verdict::kWarn);
  EXPECT_THAT(finding.next, HasSubstr("check --data"));
}

TEST(DoctorFolder, CannotBeMade) {
  EXPECT_EQ(check_folder({.folder = "data"}).verdict, Verdict::kFail);
}

TEST(DoctorFolder, IsAFile) {
  FolderFacts facts = sound_folder();
  facts.is_folder = false;
  EXPECT_EQ(check_folder(facts).verdict, Verdict::kFail);
}

TEST(DoctorFolder, BelongsToSomebodyElse) {
  FolderFacts facts = sound_folder();
  facts.writable = false;
  const Finding finding = check_folder(facts);
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_THAT(finding.what, HasSubstr("citas"));
}

TEST(DoctorFolder, LiesOnADiskThatIsReadOnly) {
  FolderFacts facts = sound_folder();
  facts.writable = false;
  facts.on_read_only_disk = true;
  const Finding finding = check_folder(facts);
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_THAT(finding.what, HasSubstr("mounted read-only"));
  EXPECT_THAT(finding.next, HasSubstr("disk-dying.md"));
}

TEST(DoctorFolder, HoldsFilesOfAnotherUser) {
  FolderFacts facts = sound_folder();
  facts.foreign = {"log/LOCK", "log/db/000012.log"};
  const Finding finding = check_folder(facts);
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_THAT(finding.what, HasSubstr("log/LOCK, log/db/000012.log"));
  EXPECT_THAT(finding.next, HasSubstr("chown -R citas data"));
}

TEST(DoctorFolder, IsOpenToOthers) {
  FolderFacts facts = sound_folder();
  facts.permissions = 0755;
  EXPECT_EQ(check_folder(facts).verdict, Verdict::kWarn);
  facts.permissions = 0770;
  EXPECT_EQ(check_folder(facts).verdict, Verdict::kFail);
}

TEST(DoctorLock, IsNobodys) { EXPECT_EQ(check_lock(std::nullopt).verdict, Verdict::kOk); }

TEST(DoctorLock, IsTheServers) {
  const Finding finding = check_lock(LockHolder{{12, "citas serve"}, true});
  EXPECT_EQ(finding.verdict, Verdict::kOk);
  EXPECT_THAT(finding.what, HasSubstr("citas serve (pid 12)"));
}

TEST(DoctorLock, IsSomebodyElses) {
  const Finding finding = check_lock(LockHolder{{12, "citas verify"}, false});
  EXPECT_EQ(finding.verdict, Verdict::kWarn);
  EXPECT_THAT(finding.what, HasSubstr("citas verify (pid 12)"));
}

TEST(DoctorLog, IsWhereItsMarkerSays) {
  const Finding finding =
      check_log({"data/log", true, LogEnd{{Epoch{3}, Position{17}, {}}, std::nullopt}});
  EXPECT_EQ(finding.verdict, Verdict::kOk);
  EXPECT_THAT(finding.what, HasSubstr("position 17, epoch 3"));
}

TEST(DoctorLog, IsNotThereYet) {
  const Finding finding = check_log({"data/log", false, LogEnd{}});
  EXPECT_EQ(finding.verdict, Verdict::kWarn);
  EXPECT_THAT(finding.next, HasSubstr("restore-to-a-point-in-time.md"));
}

TEST(DoctorLog, MayNotBeBegun) {
  const Finding finding = check_log({"data/log", false, LogEnd{}, "data/log (ext4, mounted at /)",
                                     failure(ErrorCode::kFailedPrecondition, "mount its disk")});
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_EQ(finding.what, "mount its disk");
}

TEST(DoctorLog, IsEmpty) {
  const Finding finding = check_log(
      {"data/log", true, LogEnd{{Epoch{1}, Position{0}, {}}, {}}, "data/log (ext4, mounted at /)"});
  EXPECT_EQ(finding.verdict, Verdict::kWarn);
  EXPECT_THAT(finding.what, HasSubstr("(ext4, mounted at /)"));
}

TEST(DoctorLog, IsDamaged) {
  const Finding finding = check_log(
      {"data/log", true, failure(ErrorCode::kCorruption, "it ends before its marker; see …")});
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_TRUE(finding.is_damage);
  EXPECT_THAT(finding.what, HasSubstr("before its marker"));
}

TEST(DoctorLog, HasLostItsDatabase) {
  const Finding finding =
      check_log({"data/log", true, failure(ErrorCode::kNotFound, "there is none")});
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_TRUE(finding.is_damage);
  EXPECT_THAT(finding.next, HasSubstr("corrupted-log.md"));
}

TEST(DoctorLog, CannotBeReadNow) {
  const Finding finding = check_log(
      {"data/log", true, failure(ErrorCode::kUnavailable, "its disk does not answer; see …")});
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_FALSE(finding.is_damage);
  EXPECT_EQ(finding.what, "its disk does not answer; see …");
}

TEST(DoctorLog, IsOfANewerVersion) {
  const Finding finding = check_log(
      {"data/log", true, failure(ErrorCode::kFailedPrecondition, "format version 9 is not known")});
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_FALSE(finding.is_damage);
}

TEST(DoctorBackups, AreOld) {
  const Timestamp now{std::chrono::hours{1'000}};
  const auto verdict = [&](Result<std::optional<Timestamp>> last) {
    const Finding finding = check_backups({"backups", std::move(last), now});
    EXPECT_EQ(finding.next.empty(), finding.verdict == Verdict::kOk);
    return finding.verdict;
  };
  EXPECT_EQ(verdict(now), Verdict::kOk);
  EXPECT_EQ(verdict(now - std::chrono::hours{3}), Verdict::kOk);
  EXPECT_EQ(verdict(now - std::chrono::hours{4}), Verdict::kWarn);
  EXPECT_EQ(verdict(std::nullopt), Verdict::kWarn);
  EXPECT_EQ(verdict(failure(ErrorCode::kNotFound, "no folder")), Verdict::kWarn);
}

TEST(DoctorLeftovers, AreNamed) {
  EXPECT_EQ(check_leftovers({}).verdict, Verdict::kOk);
  const Finding finding = check_leftovers({"log.before", "log.restoring"});
  EXPECT_EQ(finding.verdict, Verdict::kWarn);
  EXPECT_THAT(finding.what, HasSubstr("log.before, log.restoring"));
}

TEST(DoctorLeftovers, AreFound) {
  const citas::testing::TempFolder data;
  std::filesystem::create_directories(data.path() / "log" / "db.new");
  std::filesystem::create_directories(data.path() / "log.before");
  std::filesystem::create_directories(data.path() / "projections");
  EXPECT_THAT(look_for_leftovers(data.path()), ElementsAre("log.before", "log/db.new"));
}

TEST(DoctorProcess, ShowsNoOptions) {
  using std::string_literals::operator""s;
  EXPECT_EQ(command_of("/usr/bin/citas\0serve\0--nats\0nats://a:secret@h\0"s), "citas serve");
  EXPECT_EQ(command_of("./flock\0--exclusive\0file\0"s), "flock");
  EXPECT_EQ(command_of("tool\0nats://a:secret@h\0"s), "tool");
  EXPECT_EQ(command_of(""), "");
}

TEST(DoctorProcess, LocksOfAFileAreFoundAmongOthers) {
  constexpr char kLocks[] =
      "1: FLOCK  ADVISORY  WRITE 9075 fe:00:77 0 EOF\n"
      "1: -> FLOCK  ADVISORY  WRITE 9951 fe:00:77 0 EOF\n"
      "2: POSIX  ADVISORY  WRITE 8672 fe:00:77 0 EOF\n"
      "3: FLOCK  ADVISORY  READ 7627 00:2a:77 0 EOF\n"
      "4: FLOCK  ADVISORY  WRITE 7628 fe:00:78 0 EOF\n";
  EXPECT_THAT(locks_in(kLocks, 77),
              ElementsAre(AllOf(Field(&FileLock::pid, 9075), Field(&FileLock::exclusive, true)),
                          AllOf(Field(&FileLock::pid, 7627), Field(&FileLock::exclusive, false))));
}

TEST(DoctorProcess, TheHolderOfALockIsFound) {
  const citas::testing::TempFolder folder;
  const std::filesystem::path file = folder.path() / "LOCK";
  EXPECT_FALSE(holder_of(file));
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(descriptor, 0);
  EXPECT_FALSE(holder_of(file));
  ASSERT_EQ(::flock(descriptor, LOCK_EX | LOCK_NB), 0);
  const auto holder = holder_of(file);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->process.pid, ::getpid());
  EXPECT_TRUE(holder->exclusive);
  ::close(descriptor);
  EXPECT_FALSE(holder_of(file));
}

}  // namespace
}  // namespace citas::ops::doctor

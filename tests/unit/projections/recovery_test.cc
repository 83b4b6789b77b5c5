// Read models after crashes, losses and damage: what is on disk is used where it fits the log, and
// made anew where it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

namespace fs = std::filesystem;
using namespace citas::testing;  // NOLINT: the vocabulary of these tests
using ::testing::IsEmpty;

constexpr std::string_view kAppointments = AppointmentsByInsured::kName;
const std::size_t kReadModels = all_projections().size();

// Whether what is done elsewhere is seen in time.
bool comes_true(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() { history_.random_steps(200); }

  // One run of a process on `folder`.
  struct Run {
    Run(const RecoveryTest& test, const EventLog& log, const fs::path& folder)
        : generations(folder),
          engine(open_engine(log, test.codec_, test.clock_, generations,
                             {.max_batch = 20, .on_discarded = [this](auto name, const Error&) {
                                discarded.emplace_back(name);
                              }})) {}
    const LiveProjection& live() const { return engine->live(kAppointments); }

    std::vector<std::string> discarded;
    RocksDbGenerations generations;
    std::unique_ptr<ProjectionEngine> engine;
  };

  // What a read model of all of the log must be.
  void expect_complete(const Run& run, const EventLog& log) {
    for (const auto& projection : all_projections()) {
      const auto expected = std::make_shared<MemoryReadStore>();
      const auto replayed = replay(log, codec_, clock_, *projection, expected, log.committed());
      const auto live = run.engine->live(projection->name()).store().value();
      EXPECT_EQ(live->checkpoint().value(), replayed.value().checkpoint);
      EXPECT_EQ(entries_of(*live), entries_of(*expected));
    }
  }
  void fill() {
    Run run(*this, log_, folder_.path());
    catch_up(*run.engine);
  }
  void expect_comes_back(const EventLog& log, std::size_t times_discarded = 0) {
    Run run(*this, log, folder_.path());
    EXPECT_EQ(run.discarded.size(), times_discarded);
    catch_up(*run.engine);
    expect_complete(run, log);
  }

  const Codec codec_;
  const ManualClock clock_{kNow};
  MemoryEventLog log_{kTestLog};
  History history_{log_};
  TempFolder folder_;
};

TEST_F(RecoveryTest, AStoppedReadModelGoesOnWhereItWas) {
  fill();
  {
    const Run run(*this, log_, folder_.path());
    EXPECT_EQ(run.live().position(), Position{200});
    EXPECT_TRUE(run.live().is_serving());
    EXPECT_THAT(run.discarded, IsEmpty());
  }
  history_.random_steps(50);
  expect_comes_back(log_);
}

// A copy of the folder while it is in use is what a crash leaves behind.
TEST_F(RecoveryTest, ACrashBetweenAnyTwoStepsLosesAndRepeatsNothing) {
  Run run(*this, log_, folder_.path() / "live");
  const LiveProjection& live = run.live();
  for (int crash = 0; run.engine->step(kAppointments).value() > 0; ++crash) {
    const fs::path copy = folder_.path() / std::to_string(crash);
    fs::copy(folder_.path() / "live", copy, fs::copy_options::recursive);
    Run recovered(*this, log_, copy);
    EXPECT_THAT(recovered.discarded, IsEmpty());
    EXPECT_LE(recovered.live().position(), live.position());
    catch_up(*recovered.engine);
    expect_complete(recovered, log_);
  }
}

// What a start after a crash has to apply again depends on what is not yet on the disk, and not on
// the length of the log.
TEST_F(RecoveryTest, WhatACrashLeavesToBeAppliedAgainIsBounded) {
  constexpr std::size_t kBatch = 10;
  constexpr std::size_t kFlushAfter = 30;
  RocksDbGenerations generations(folder_.path());
  const auto engine = open_engine(log_, codec_, clock_, generations,
                                  {.max_batch = kBatch, .flush_after = kFlushAfter});
  for (const auto& projection : all_projections()) {
    const std::string_view name = projection->name();
    const auto left = [&] {
      const auto seen = generations.open_read_only(name, *generations.current(name).value());
      if (!seen) return UINT64_MAX;  // its files were just being exchanged
      return engine->live(name).position().value() -
             seen.value()->checkpoint().value()->head.position.value();
    };
    while (engine->step(name).value() > 0) {
      EXPECT_TRUE(comes_true([&] { return left() < kFlushAfter + kBatch; })) << name;
    }
    EXPECT_EQ(engine->live(name).position(), Position{200});
  }
}

TEST_F(RecoveryTest, DeletedReadModelsComeBack) {
  fill();
  fs::remove_all(folder_.path() / kAppointments);
  expect_comes_back(log_);
  for (const auto& entry : fs::directory_iterator(folder_.path())) fs::remove_all(entry);
  expect_comes_back(log_);
}

TEST_F(RecoveryTest, AReadModelWithoutItsPointerComesBack) {
  fill();
  fs::remove(folder_.path() / kAppointments / "CURRENT");
  expect_comes_back(log_);
}

TEST_F(RecoveryTest, APointerToNothingOrToNonsenseComesBack) {
  fill();
  for (const char* content : {"00000099\n", "nonsense\n", ""}) {
    std::ofstream(folder_.path() / kAppointments / "CURRENT") << content;
    expect_comes_back(log_, std::string_view(content) == "00000099\n" ? 1 : 0);
  }
}

TEST_F(RecoveryTest, DamagedFilesComeBack) {
  fill();
  const auto generation = folder_.path() / kAppointments / "00000001";
  for (const auto& entry : fs::directory_iterator(generation)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("MANIFEST")) fs::resize_file(entry.path(), 10);
  }
  expect_comes_back(log_, 1);
  EXPECT_FALSE(fs::exists(generation));
}

TEST_F(RecoveryTest, MissingTablesComeBack) {
  fill();
  for (const auto& entry : fs::directory_iterator(folder_.path() / kAppointments / "00000001")) {
    if (entry.path().extension() == ".sst") fs::remove(entry.path());
  }
  expect_comes_back(log_, 1);
}

TEST_F(RecoveryTest, AnotherLogMeansANewReadModel) {
  fill();
  MemoryEventLog other(LogIdentity{LogId{uuid(8)}});
  History(other, 5).random_steps(300);
  expect_comes_back(other, kReadModels);
}

TEST_F(RecoveryTest, AnOlderLogMeansANewReadModel) {
  fill();
  MemoryEventLog older(kTestLog);
  History(older).random_steps(150);
  expect_comes_back(older, kReadModels);
}

TEST_F(RecoveryTest, ALogThatWentAnotherWayMeansANewReadModel) {
  fill();
  MemoryEventLog other(kTestLog);
  History(other, 9).random_steps(200);
  expect_comes_back(other, kReadModels);
}

TEST_F(RecoveryTest, AnotherWayToReadEventsMeansANewReadModel) {
  fill();
  const Codec codec(
      {{"citas.appointment.requested.v0", "citas.appointment.requested.v1", nullptr}});
  RocksDbGenerations generations(folder_.path());
  std::size_t discarded = 0;
  const auto engine = open_engine(log_, codec, clock_, generations,
                                  {.on_discarded = [&](auto, const Error&) { ++discarded; }});
  EXPECT_EQ(discarded, kReadModels);
  EXPECT_EQ(engine->live(kAppointments).position(), Position{0});
}

TEST_F(RecoveryTest, WhatAnInterruptedRebuildLeftIsDeleted) {
  fill();
  {
    RocksDbGenerations generations(folder_.path());
    ASSERT_TRUE(generations.create(kAppointments, Generation{7}));
  }
  fs::create_directory(folder_.path() / kAppointments / "00000003");
  expect_comes_back(log_);
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder_.path() / kAppointments)) {
    left.push_back(entry.path().filename());
  }
  EXPECT_THAT(left, ::testing::UnorderedElementsAre("CURRENT", "00000001"));
}

TEST_F(RecoveryTest, APointerThatIsCutShortSaysWhy) {
  RocksDbGenerations generations(folder_.path());
  fs::create_directories(folder_.path() / kAppointments);
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  rlimit short_files = unlimited;
  short_files.rlim_cur = 4;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &short_files), 0);
  const Status made = generations.make_current(kAppointments, Generation{1});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  std::signal(SIGXFSZ, before);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, ::testing::HasSubstr("File too large"));
  EXPECT_EQ(generations.current(kAppointments).value(), std::nullopt);
}

TEST_F(RecoveryTest, AReadModelThatIsInUseIsNotThrownAway) {
  fill();
  const Run first(*this, log_, folder_.path());
  RocksDbGenerations generations(folder_.path());
  const auto second =
      ProjectionEngine::open(log_, codec_, clock_, generations, all_projections(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(fs::exists(folder_.path() / kAppointments / "00000001"));
}

}  // namespace
}  // namespace citas::projections

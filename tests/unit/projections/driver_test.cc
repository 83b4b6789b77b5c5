#include "projections/driver.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

using citas::testing::ReadModel;
using namespace std::chrono_literals;

constexpr auto kDeadline = 60s;

// Waits for what other threads report.
class Waiter {
 public:
  void set(Position position) {
    const std::lock_guard lock(mutex_);
    reached_ = position;
    changed_.notify_all();
  }
  bool wait_for(Position position) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return reached_ >= position; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Position reached_;
};

TEST(DriverTest, FollowsTheLog) {
  ReadModel model;
  CommitSignal committed;
  model.log.add_commit_listener([&](Position position) { committed.advance(position); });
  Waiter appointments;
  Waiter pending;
  model.engine->live(AppointmentsByInsured::kName).add_listener([&](Position position) {
    appointments.set(position);
  });
  model.engine->live(PendingAppointments::kName).add_listener([&](Position position) {
    pending.set(position);
  });
  const ProjectionDriver driver(*model.engine, committed,
                                [](auto, const Error& error) { ADD_FAILURE() << error.message; });
  for (std::uint64_t position = 1; position <= 100; ++position) {
    model.history.random_step();
    ASSERT_TRUE(appointments.wait_for(Position{position}));
    ASSERT_TRUE(pending.wait_for(Position{position}));
  }
}

// While many events come in; a single one is not kept waiting, as FollowsTheLog shows.
TEST(DriverTest, LetsEventsGatherWhereNobodyWaits) {
  ReadModel model;
  CommitSignal committed;
  model.log.add_commit_listener([&](Position position) { committed.advance(position); });
  const auto patience = model.engine->patience(PendingAppointments::kName);
  ASSERT_GT(patience, 0ms);
  constexpr std::uint64_t kEvents = 100;
  for (std::uint64_t i = 0; i < kEvents; ++i) model.history.random_step();
  std::vector<std::chrono::steady_clock::time_point> steps;  // of one thread, read after its end
  Waiter pending;
  model.engine->live(PendingAppointments::kName).add_listener([&](Position position) {
    steps.push_back(std::chrono::steady_clock::now());
    pending.set(position);
  });
  {
    const ProjectionDriver driver(*model.engine, committed,
                                  [](auto, const Error& error) { ADD_FAILURE() << error.message; });
    ASSERT_TRUE(pending.wait_for(Position{kEvents}));
    model.history.random_step();
    ASSERT_TRUE(pending.wait_for(Position{kEvents + 1}));
  }
  ASSERT_EQ(steps.size(), 2);
  EXPECT_GE(steps[1] - steps[0], patience);
}

TEST(DriverTest, AppliesNothingWhilePaused) {
  ReadModel model;
  CommitSignal committed;
  model.log.add_commit_listener([&](Position position) { committed.advance(position); });
  Waiter pending;
  std::atomic<bool> paused = false;
  ProjectionDriver* running = nullptr;
  model.engine->live(PendingAppointments::kName).add_listener([&](Position position) {
    EXPECT_FALSE(paused && position > Position{1});
    // Within a step, so that the next one is the first that must not be.
    if (position == Position{1}) {
      running->pause(true);
      paused = true;
    }
    pending.set(position);
  });
  ProjectionDriver driver(*model.engine, committed,
                          [](auto, const Error& error) { ADD_FAILURE() << error.message; });
  running = &driver;
  model.history.random_step();
  ASSERT_TRUE(pending.wait_for(Position{1}));
  model.history.random_step();
  Waiter elsewhere;
  ReadModel other;  // time enough for a step that must not be
  other.engine->live(PendingAppointments::kName).add_listener([&](Position position) {
    elsewhere.set(position);
  });
  CommitSignal its_committed;
  other.log.add_commit_listener([&](Position position) { its_committed.advance(position); });
  const ProjectionDriver its_driver(*other.engine, its_committed, [](auto, const Error&) {});
  for (int i = 0; i < 50; ++i) other.history.random_step();
  ASSERT_TRUE(elsewhere.wait_for(Position{50}));
  paused = false;
  driver.pause(false);
  ASSERT_TRUE(pending.wait_for(Position{2}));
}

TEST(DriverTest, ReportsWhatFailsWhileTheOthersGoOn) {
  ReadModel model;
  CommitSignal committed;
  model.log.add_commit_listener([&](Position position) { committed.advance(position); });
  Waiter failed;
  Waiter pending;
  model.engine->live(PendingAppointments::kName).add_listener([&](Position position) {
    pending.set(position);
  });
  const ProjectionDriver driver(*model.engine, committed, [&](auto name, const Error& error) {
    EXPECT_EQ(name, AppointmentsByInsured::kName);
    EXPECT_EQ(error.code, ErrorCode::kCorruption);
    failed.set(Position{1});
  });
  model.history.confirm(citas::testing::ref(1));  // never requested
  EXPECT_TRUE(failed.wait_for(Position{1}));
  EXPECT_TRUE(pending.wait_for(Position{1}));
}

// On Linux, of the calling thread.
int niceness() { return ::getpriority(PRIO_PROCESS, 0); }

TEST(DriverTest, YieldsToWritersOnlyOnceItServes) {
  ReadModel model;
  model.history.random_steps(10);
  MemoryGenerations generations;
  const auto engine = citas::testing::open_engine(model.log, model.codec, model.clock, generations,
                                                  {.max_batch = 5});
  CommitSignal committed;
  model.log.add_commit_listener([&](Position position) { committed.advance(position); });
  const int ours = niceness();
  Waiter pending;
  engine->live(PendingAppointments::kName).add_listener([&](Position position) {
    // A step that makes it serve has begun before it did.
    EXPECT_EQ(niceness(), position <= Position{10} ? ours : std::min(ours + 10, 19));
    pending.set(position);
  });
  const ProjectionDriver driver(*engine, committed,
                                [](auto, const Error& error) { ADD_FAILURE() << error.message; });
  ASSERT_TRUE(pending.wait_for(Position{10}));
  model.history.random_step();
  ASSERT_TRUE(pending.wait_for(Position{11}));
}

}  // namespace
}  // namespace citas::projections

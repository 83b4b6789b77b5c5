// When the service manager hears that the server is ready, and that it lives.
#include "ops/citas/supervision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace citas::ops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class Listening final : public ServiceManager {
 public:
  std::optional<std::chrono::microseconds> watchdog() const override { return limit; }
  void extend(std::chrono::seconds by) override { note("extend " + std::to_string(by.count())); }
  void ready() override { note("ready"); }
  void stopping() override { note("stopping"); }
  void alive() override { note("alive"); }
  void status(const std::string& line) override { note("status " + line); }

  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex);
    return std::exchange(notes, {});
  }

  std::optional<std::chrono::microseconds> limit = 16s;

 private:
  void note(std::string what) {
    const std::lock_guard lock(mutex);
    notes.push_back(std::move(what));
  }
  std::mutex mutex;
  std::vector<std::string> notes;  // guarded by mutex
};

class SupervisionTest : public testing::Test {
 protected:
  Supervision made() {
    return {manager_,
            {.beats = [this] { return beats_; },
             .left_to_start = [this] { return left_; },
             .status = [this] { return status_; }},
            clock_};
  }
  std::vector<std::string> after(Supervision& supervision, std::chrono::milliseconds time) {
    clock_.advance(time);
    supervision.step();
    return manager_.heard();
  }
  void all_move() {
    for (std::uint64_t& beat : beats_) ++beat;
  }

  Listening manager_;
  ManualClock clock_{Timestamp{}};
  std::vector<std::uint64_t> beats_{1, 1};
  std::uint64_t left_ = 0;
  std::string status_;
};

TEST_F(SupervisionTest, IsReadyOnceAndThenAlive) {
  Supervision supervision = made();
  EXPECT_EQ(supervision.interval(), 50ms);
  EXPECT_THAT(after(supervision, 0ms), ElementsAre("ready", "alive"));
  EXPECT_EQ(supervision.interval(), 1s);
  all_move();
  EXPECT_THAT(after(supervision, 7999ms), IsEmpty());
  EXPECT_THAT(after(supervision, 1ms), ElementsAre("alive"));
}

TEST_F(SupervisionTest, OnePartThatStandsStillStopsTheSigns) {
  Supervision supervision = made();
  after(supervision, 0ms);
  ++beats_[0];
  EXPECT_THAT(after(supervision, 8s), IsEmpty());
  ++beats_[0];
  EXPECT_THAT(after(supervision, 100s), IsEmpty());
  ++beats_[1];
  EXPECT_THAT(after(supervision, 1s), ElementsAre("alive"));
}

TEST_F(SupervisionTest, AStartThatGoesOnGetsMoreTime) {
  manager_.limit = std::nullopt;
  left_ = 100;
  Supervision supervision = made();
  EXPECT_THAT(after(supervision, 0ms), ElementsAre("extend 30"));
  EXPECT_THAT(after(supervision, 1s), IsEmpty());
  left_ = 99;
  EXPECT_THAT(after(supervision, 1s), ElementsAre("extend 30"));
  left_ = 0;
  EXPECT_THAT(after(supervision, 1s), ElementsAre("ready"));
  left_ = 7;
  EXPECT_THAT(after(supervision, 1s), IsEmpty());
}

TEST_F(SupervisionTest, WhoDoesNotWatchHearsNoSigns) {
  manager_.limit = std::nullopt;
  Supervision supervision = made();
  EXPECT_THAT(after(supervision, 0ms), ElementsAre("ready"));
  EXPECT_EQ(supervision.interval(), 1s);
  all_move();
  EXPECT_THAT(after(supervision, 100s), IsEmpty());
}

TEST_F(SupervisionTest, AShortWatchIsLookedAtOften) {
  manager_.limit = 480ms;
  Supervision supervision = made();
  supervision.step();
  EXPECT_EQ(supervision.interval(), 30ms);
}

TEST_F(SupervisionTest, TheStatusIsToldWhenItChanges) {
  Supervision supervision = made();
  status_ = "serving";
  EXPECT_THAT(after(supervision, 0ms), ElementsAre("ready", "alive", "status serving"));
  EXPECT_THAT(after(supervision, 0ms), IsEmpty());
  status_ = "degraded";
  EXPECT_THAT(after(supervision, 0ms), ElementsAre("status degraded"));
}

TEST(StartExtensionTest, IsAskedForByWorkAndNotByWaiting) {
  Listening manager;
  const SystemClock clock;
  const auto heard_within = [&](std::chrono::seconds limit, const auto& pass_time) {
    const StartExtension extension(manager);
    const auto end = clock.monotonic() + limit;
    while (clock.monotonic() < end) {
      pass_time();
      if (!manager.heard().empty()) return true;
    }
    return false;
  };
  EXPECT_TRUE(heard_within(60s, [] {}));
  manager.heard();
  // In one go: even waking up is work, which a sanitizer on a busy machine makes look like more.
  EXPECT_FALSE(heard_within(1s, [] { std::this_thread::sleep_for(1s); }));
}

}  // namespace
}  // namespace citas::ops

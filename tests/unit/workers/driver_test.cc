#include "workers/driver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace citas::workers {
namespace {

// Counts down at each step; fails at the end if told so.
class Countdown final : public Piece {
 public:
  Countdown(int steps, bool fails) : left_(steps), fails_(fails) {}

  std::string_view name() const override { return "countdown"; }
  Result<bool> step() override {
    if (left_ > 0) {
      --left_;
      return true;
    }
    if (fails_) return failure(ErrorCode::kCorruption, "broken");
    if (!reached_.exchange(true)) done.count_down();
    return false;
  }

  std::latch done{1};

 private:
  int left_;
  const bool fails_;
  std::atomic<bool> reached_{false};
};

TEST(WorkerThread, StepsItsPiecesUntilTheyRest) {
  Wakeup wakeup;
  Countdown first(1'000, false);
  Countdown second(10, false);
  const WorkerThread thread("test", wakeup, {&first, &second}, [](auto, const Error&) {});
  first.done.wait();
  second.done.wait();
}

TEST(WorkerThread, ReportsAPieceThatFailsForGood) {
  Wakeup wakeup;
  Countdown broken(3, true);
  std::latch reported{1};
  std::string piece;
  std::string message;
  const WorkerThread thread("test", wakeup, {&broken},
                            [&](std::string_view name, const Error& error) {
                              piece = name;
                              message = error.message;
                              reported.count_down();
                            });
  reported.wait();
  EXPECT_EQ(piece, "countdown");
  EXPECT_EQ(message, "broken");
}

// Is stepped once, until the test lets it go on.
class Hanging final : public Piece {
 public:
  std::string_view name() const override { return "hanging"; }
  Result<bool> step() override {
    begun.count_down();
    go_on.wait();
    return false;
  }

  std::latch begun{1};
  std::latch go_on{1};
};

TEST(WorkerThread, TellsWhetherItHasEndedInTime) {
  using Clock = std::chrono::steady_clock;
  Wakeup wakeup;
  Hanging hanging;
  WorkerThread thread("test", wakeup, {&hanging}, [](auto, const Error&) {});
  hanging.begun.wait();
  thread.request_stop();
  const std::uint64_t beats = thread.beats();
  EXPECT_FALSE(thread.ends_by(Clock::now() + std::chrono::milliseconds{1}));
  EXPECT_EQ(thread.beats(), beats) << "it hangs";
  hanging.go_on.count_down();
  EXPECT_TRUE(thread.ends_by(Clock::now() + std::chrono::minutes{1}));
}

// Must not be stepped before the test allows it.
class Waiting final : public Piece {
 public:
  std::string_view name() const override { return "waiting"; }
  void pause() override { ++pauses; }
  Result<bool> step() override {
    if (!allowed) ADD_FAILURE() << "stepped while it may not";
    EXPECT_EQ(pauses, 1) << "it pauses once, however long";
    if (!stepped_.exchange(true)) done.count_down();
    return false;
  }

  std::atomic<bool> allowed{false};
  std::latch done{1};
  int pauses = 0;

 private:
  std::atomic<bool> stepped_{false};
};

TEST(WorkerThread, StepsNothingWhileItMayNot) {
  Wakeup wakeup;
  Waiting waiting;
  std::atomic<int> asked = 0;
  std::latch asked_often{1};
  const auto may_step = [&] {
    if (++asked == 3) asked_often.count_down();
    return waiting.allowed.load();
  };
  const WorkerThread thread(
      "test", wakeup, {&waiting}, [](auto, const Error&) {}, may_step);
  asked_often.wait();
  waiting.allowed = true;
  wakeup.notify();
  waiting.done.wait();
}

TEST(WorkerThread, StepsNothingAfterAFailure) {
  Wakeup wakeup;
  Countdown broken(0, true);
  Waiting behind;
  std::atomic<int> reports = 0;
  const WorkerThread thread("test", wakeup, {&broken, &behind}, [&](auto, const Error&) {
    ++reports;
    wakeup.notify();
  });
  EXPECT_TRUE(thread.ends_by(std::chrono::steady_clock::now() + std::chrono::minutes{1}));
  EXPECT_EQ(reports, 1);
}

TEST(WorkerThread, BeatsThoughItHasNothingToDo) {
  Wakeup wakeup;
  const WorkerThread thread("test", wakeup, {}, [](auto, const Error&) {});
  const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (thread.beats() < 3 && std::chrono::steady_clock::now() < patience) wakeup.notify();
  EXPECT_GE(thread.beats(), 3U);
}

TEST(Wakeup, ANotificationBeforeTheWaitIsNotLost) {
  Wakeup wakeup;
  wakeup.notify();
  wakeup.notify();
  EXPECT_TRUE(wakeup.wait_for(std::chrono::milliseconds{0}));
  EXPECT_FALSE(wakeup.wait_for(std::chrono::milliseconds{0}));
}

}  // namespace
}  // namespace citas::workers

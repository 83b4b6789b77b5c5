// What counts as a check that hangs.
#include "workers/hang_watch.h"

#include <gtest/gtest.h>

#include <future>

namespace citas::workers {
namespace {

using News = HangWatch::News;

class HangWatchTest : public testing::Test {
 protected:
  // How many of so many looks at the same turn say that it hangs.
  int hangs(std::uint64_t turn, int looks) {
    int found = 0;
    for (int i = 0; i < looks; ++i) found += watch_.look(turn) == News::kHangs ? 1 : 0;
    return found;
  }
  HangWatch watch_;
};

TEST_F(HangWatchTest, ACheckThatIsSeenAtEachLookHangs) {
  EXPECT_EQ(hangs(1, HangWatch::kLooks), 0);
  EXPECT_EQ(watch_.look(1), News::kHangs);
}

TEST_F(HangWatchTest, ItIsSaidOnce) {
  EXPECT_EQ(hangs(1, 5 * HangWatch::kLooks), 1);
  EXPECT_EQ(watch_.look(2), News::kMovedOn);
  EXPECT_EQ(watch_.look(2), News::kNone);
  EXPECT_EQ(hangs(3, 5 * HangWatch::kLooks), 1);
  EXPECT_EQ(watch_.look(5), News::kMovedOn);
}

TEST_F(HangWatchTest, ChecksThatFollowEachOtherDoNotHang) {
  for (std::uint64_t turn = 1; turn < 1'000; turn += 2) {
    ASSERT_EQ(hangs(turn, HangWatch::kLooks), 0);
    ASSERT_EQ(watch_.look(turn + 1), News::kNone);
  }
}

TEST_F(HangWatchTest, NothingHangsBetweenTwoChecks) {
  EXPECT_EQ(hangs(0, 100), 0);
  EXPECT_EQ(hangs(2, 100), 0);
}

class SlowRules final : public CountryRules {
 public:
  explicit SlowRules(std::shared_future<void> until) : until_(std::move(until)) {}
  Result<std::optional<ReasonCode>> check(const AppointmentRequested&) const override {
    until_.wait();
    return std::optional<ReasonCode>{};
  }

 private:
  const std::shared_future<void> until_;
};

TEST(HangWatchThread, TellsThatACheckHangsAndThatItCameBack) {
  std::promise<void> come_back;
  std::promise<void> hangs;
  std::promise<void> moved_on;
  const SlowRules slow(come_back.get_future().share());
  const WatchedRules rules(slow);
  const HangWatchThread watch(
      rules, std::chrono::milliseconds{20},
      {.on_hang = [&] { hangs.set_value(); }, .on_moved_on = [&] { moved_on.set_value(); }});
  const std::jthread processor([&] { EXPECT_TRUE(rules.check({}).has_value()); });
  hangs.get_future().wait();
  EXPECT_EQ(rules.turns(), 1U);
  come_back.set_value();
  moved_on.get_future().wait();
  EXPECT_EQ(rules.turns(), 2U);
}

}  // namespace
}  // namespace citas::workers

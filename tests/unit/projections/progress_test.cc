#include "projections/progress.h"

#include <gtest/gtest.h>

namespace citas::projections {
namespace {

using std::chrono::milliseconds;

TEST(ProgressTest, TellsSpeedShareAndTimeLeft) {
  const Progress progress{.done = 250, .total = 1'000, .elapsed = milliseconds{500}};
  EXPECT_DOUBLE_EQ(progress.events_per_second(), 500);
  EXPECT_DOUBLE_EQ(progress.percent(), 25);
  EXPECT_EQ(progress.eta(), milliseconds{1'500});
}

TEST(ProgressTest, KnowsNoTimeLeftBeforeTheFirstEvent) {
  EXPECT_EQ((Progress{.done = 0, .total = 10, .elapsed = milliseconds{5}}.eta()), std::nullopt);
  EXPECT_EQ((Progress{.done = 3, .total = 10, .elapsed = milliseconds{0}}.eta()), std::nullopt);
}

TEST(ProgressTest, NothingToDoIsDone) {
  EXPECT_DOUBLE_EQ(Progress{}.percent(), 100);
  EXPECT_EQ(Progress{}.eta(), milliseconds{0});
}

}  // namespace
}  // namespace citas::projections

// What is told of parts in trouble, and when.
#include "ops/citas/trouble_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace citas::ops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class TroubleLogTest : public testing::Test {
 protected:
  std::vector<std::string> noted(std::string_view part, std::string_view reason,
                                 std::chrono::milliseconds later = 0ms) {
    clock_.advance(later);
    told_.clear();
    troubles_.note(part, reason);
    return told_;
  }

  ManualClock clock_{Timestamp{}};
  std::vector<std::string> told_;
  TroubleLog troubles_{
      {.in_trouble =
           [this](std::string_view part, std::string_view reason) {
             told_.push_back(std::string(part) + ": " + std::string(reason));
           },
       .well_again =
           [this](std::string_view part) { told_.push_back(std::string(part) + " is well"); }},
      clock_};
};

TEST_F(TroubleLogTest, WhatPassesSoonIsNoNews) {
  EXPECT_THAT(noted("bus", "connecting"), IsEmpty());
  EXPECT_THAT(noted("bus", "connecting", TroubleLog::kPatience - 1ms), IsEmpty());
  EXPECT_THAT(noted("bus", ""), IsEmpty());
  EXPECT_THAT(noted("bus", "connecting", 1ms), IsEmpty());
}

TEST_F(TroubleLogTest, WhatLastsIsToldOnce) {
  noted("bus", "connecting");
  EXPECT_THAT(noted("bus", "refused", TroubleLog::kPatience), ElementsAre("bus: refused"));
  EXPECT_THAT(noted("bus", "refused", 1h), IsEmpty());
  EXPECT_THAT(noted("bus", "another reason", 1h), IsEmpty());
}

TEST_F(TroubleLogTest, ItsEndIsToldAndItMayComeAgain) {
  for (int i = 0; i < 2; ++i) {
    noted("bus", "lost");
    EXPECT_THAT(noted("bus", "lost", TroubleLog::kPatience), ElementsAre("bus: lost"));
    EXPECT_THAT(noted("bus", ""), ElementsAre("bus is well"));
    EXPECT_THAT(noted("bus", ""), IsEmpty());
  }
}

TEST_F(TroubleLogTest, PartsAreToldApart) {
  noted("bus", "lost");
  EXPECT_THAT(noted("projections", "behind", TroubleLog::kPatience), IsEmpty());
  EXPECT_THAT(noted("bus", "lost"), ElementsAre("bus: lost"));
  EXPECT_THAT(noted("projections", ""), IsEmpty());
}

}  // namespace
}  // namespace citas::ops

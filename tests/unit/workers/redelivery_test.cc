#include "workers/redelivery.h"

#include <gtest/gtest.h>

namespace citas::workers {
namespace {

TEST(Redelivery, IdsTellSendingsApart) {
  EXPECT_EQ(redelivery_id("e1", Position{0}, 3), "e1/3");
  EXPECT_EQ(redelivery_id("e1", Position{12}, 3), "e1/r12/3");
}

TEST(Redelivery, TriesAreCountedBetweenTwoRetries) {
  const auto key = [](std::string_view id) { return tries_key(parse_sending(id)); };
  EXPECT_EQ(key("e1"), "e1");
  EXPECT_EQ(key("e1/3"), "e1");
  EXPECT_EQ(key("e1/r12/1"), "e1/r12");
  EXPECT_EQ(key("e1/r12/2"), "e1/r12");
  EXPECT_EQ(key("e1/r13/1"), "e1/r13");
  EXPECT_EQ(key(""), "");
}

TEST(Redelivery, StrangeIdsAreWithoutRetry) {
  for (const char* id : {"e1/", "e1/r", "e1/rx/1", "e1/r-1/1", "e1/r012/1", "e1/x12/1",
                         "e1/r99999999999999999999/1"}) {
    EXPECT_EQ(parse_sending(id).event, "e1") << id;
    EXPECT_EQ(parse_sending(id).retry, Position{0}) << id;
  }
}

}  // namespace
}  // namespace citas::workers

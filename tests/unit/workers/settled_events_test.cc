// Given the deliveries of a consumer, when some of them are settled, then up to where all are.
#include "workers/settled_events.h"

#include <gtest/gtest.h>

namespace citas::workers {
namespace {

class SettledEventsTest : public testing::Test {
 protected:
  bool receive(std::uint64_t consumer_sequence, std::uint64_t stream_sequence) {
    const std::string key = "event-" + std::to_string(stream_sequence);
    return events_.receive({consumer_sequence, stream_sequence, key});
  }
  // Deliveries 1… of the events 10, 20, 30.
  void receive_three() {
    for (const std::uint64_t i : {1U, 2U, 3U}) ASSERT_TRUE(receive(i, 10 * i));
  }

  SettledEvents events_;
};

TEST_F(SettledEventsTest, TheMarkRisesWithTheLowestThatWaits) {
  receive_three();
  EXPECT_EQ(events_.mark(), 0U);
  events_.settle(20);
  EXPECT_EQ(events_.mark(), 0U);
  events_.settle(10);
  EXPECT_EQ(events_.mark(), 20U);
  events_.settle(30);
  EXPECT_EQ(events_.mark(), 30U);
}

TEST_F(SettledEventsTest, WhatIsDeliveredTwiceWaitsOnce) {
  receive_three();
  ASSERT_TRUE(receive(4, 10));
  for (const std::uint64_t event : {10U, 20U, 30U}) events_.settle(event);
  EXPECT_EQ(events_.mark(), 30U);
  ASSERT_TRUE(receive(5, 20)) << "its acknowledgement got lost";
  EXPECT_EQ(events_.mark(), 30U);
}

TEST_F(SettledEventsTest, NothingCountsBehindAGap) {
  ASSERT_TRUE(receive(1, 10));
  EXPECT_FALSE(receive(3, 30));
  EXPECT_TRUE(events_.has_gap());
  events_.settle(10);
  events_.settle(30);
  EXPECT_EQ(events_.mark(), 10U);
  EXPECT_FALSE(receive(4, 40));
}

TEST_F(SettledEventsTest, ARunBeginsWithItsFirstDelivery) {
  events_.restart(10, 20);
  EXPECT_FALSE(receive(2, 30));
  EXPECT_TRUE(events_.has_gap());
  EXPECT_TRUE(receive(1, 20));
  EXPECT_FALSE(events_.has_gap());
  EXPECT_EQ(events_.mark(), 10U);
}

// Left over from the consumer before, which began further ahead.
TEST_F(SettledEventsTest, AnotherConsumersFirstDeliveryBeginsNoRun) {
  events_.restart(0, 10);
  EXPECT_FALSE(receive(1, 500));
  EXPECT_TRUE(receive(1, 10));
  events_.settle(10);
  EXPECT_EQ(events_.mark(), 10U);
}

TEST_F(SettledEventsTest, ARunThatBeganWithALeftOverBeginsAgain) {
  events_.restart(5, 10);
  ASSERT_TRUE(receive(1, 10));
  ASSERT_TRUE(receive(2, 20));
  events_.settle(10);
  ASSERT_TRUE(receive(1, 10));
  EXPECT_EQ(events_.mark(), 5U);
}

TEST_F(SettledEventsTest, AStreamThatIsNotYetAsFarChangesNothing) {
  events_.restart(100, std::nullopt);
  ASSERT_TRUE(receive(1, 60));
  events_.settle(60);
  EXPECT_EQ(events_.mark(), 100U);
  ASSERT_TRUE(receive(2, 110));
  EXPECT_EQ(events_.mark(), 100U);
  events_.settle(110);
  EXPECT_EQ(events_.mark(), 110U);
}

TEST_F(SettledEventsTest, AGivenUpEventWaitsForItsRecord) {
  receive_three();
  for (const std::uint64_t event : {20U, 30U}) events_.settle(event);
  events_.give_up(10);
  EXPECT_EQ(events_.mark(), 0U);
  events_.note_recorded("event-20");
  EXPECT_EQ(events_.mark(), 0U);
  events_.note_recorded("event-10");
  EXPECT_EQ(events_.mark(), 30U);
}

TEST_F(SettledEventsTest, ARecordThatWasThereBeforeIsEnough) {
  receive_three();
  for (const std::uint64_t event : {20U, 30U}) events_.settle(event);
  events_.note_recorded("event-10");
  EXPECT_EQ(events_.mark(), 0U) << "it may still succeed";
  events_.give_up(10);
  EXPECT_EQ(events_.mark(), 30U);
}

TEST_F(SettledEventsTest, WhatHasNoIdIsSettledWhenItIsGivenUp) {
  ASSERT_TRUE(events_.receive({1, 10, ""}));
  events_.give_up(10);
  EXPECT_EQ(events_.mark(), 10U);
}

// Purged, or damaged: the consumer is sent what comes behind, and counts on.
TEST_F(SettledEventsTest, TheMarkStaysInFrontOfWhatTheStreamLacks) {
  ASSERT_TRUE(events_.receive({.consumer_sequence = 1, .stream_sequence = 10, .key = "a"}));
  ASSERT_TRUE(
      events_.receive({.consumer_sequence = 2, .stream_sequence = 30, .key = "c", .previous = 20}));
  ASSERT_TRUE(
      events_.receive({.consumer_sequence = 3, .stream_sequence = 40, .key = "d", .previous = 30}));
  for (const std::uint64_t event : {10U, 30U, 40U}) events_.settle(event);
  EXPECT_EQ(events_.missing_behind(), 10U);
  EXPECT_EQ(events_.mark(), 10U);

  events_.restart(10, 20);
  EXPECT_EQ(events_.missing_behind(), std::nullopt);
  ASSERT_TRUE(
      events_.receive({.consumer_sequence = 1, .stream_sequence = 20, .key = "b", .previous = 10}));
  events_.settle(20);
  EXPECT_EQ(events_.mark(), 20U);
}

TEST_F(SettledEventsTest, WhatIsMissingInFrontOfTheFirstDeliveryIsNoticed) {
  events_.restart(10, 30);
  ASSERT_TRUE(
      events_.receive({.consumer_sequence = 1, .stream_sequence = 30, .key = "c", .previous = 20}));
  events_.settle(30);
  EXPECT_EQ(events_.mark(), 10U);
}

TEST_F(SettledEventsTest, AForeignMessageStandsInThePlaceOfAnEvent) {
  ASSERT_TRUE(receive(1, 10));
  ASSERT_TRUE(events_.receive(
      {.consumer_sequence = 2, .stream_sequence = 11, .key = "", .is_in_place = false}));
  events_.settle(10);
  events_.settle(11);
  EXPECT_EQ(events_.mark(), 10U);
  EXPECT_EQ(events_.missing_behind(), 10U);
}

}  // namespace
}  // namespace citas::workers

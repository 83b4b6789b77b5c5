// Given a consumer and a stream that do not fit, when the keeper has looked, then nothing is
// missed.
#include "workers/consumer_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workers/memory/memory_bus.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

class ConsumerKeeperTest : public testing::Test {
 protected:
  ConsumerKeeperTest() {
    EXPECT_TRUE(ensure_streams(bus_));
    EXPECT_TRUE(keeper_.keep(std::nullopt));
  }

  void publish(std::string_view payload) {
    ASSERT_TRUE(publisher_->publish(1, {.subject = "citas.confirmations.PE",
                                        .message_id = {},
                                        .headers = {},
                                        .payload = payload,
                                        .expected_last_sequence = {}}));
  }
  std::vector<std::string> receive() {
    std::vector<Message> messages;
    source_->poll(100, messages);
    std::vector<std::string> payloads;
    for (const Message& message : messages) {
      EXPECT_TRUE(source_->ack(message));
      payloads.push_back(message.payload);
    }
    return payloads;
  }

  ManualClock clock_{Timestamp{}};
  MemoryBroker broker_{clock_};
  MemoryBus bus_{broker_};
  const ConsumerSpec spec_ = confirmations_consumer();
  const std::unique_ptr<Publisher> publisher_ = std::move(*bus_.open_publisher({}));
  const std::unique_ptr<MessageSource> source_ = std::move(*bus_.open_source(spec_, {}));
  ConsumerCounters counters_;
  ConsumerKeeper keeper_{bus_, *source_, clock_, spec_, counters_};
};

TEST_F(ConsumerKeeperTest, AConsumerThatFitsIsLeftAlone) {
  publish("first");
  EXPECT_THAT(receive(), testing::ElementsAre("first"));
  EXPECT_FALSE(keeper_.keep(std::nullopt));
  publish("second");
  EXPECT_THAT(receive(), testing::ElementsAre("second"));
  broker_.set_up(false);
  clock_.advance(std::chrono::minutes{1});
  EXPECT_FALSE(keeper_.due()) << "nobody can be asked";
  broker_.set_up(true);
  EXPECT_TRUE(keeper_.due());
  EXPECT_FALSE(keeper_.keep(std::nullopt)) << "there is no store to be at odds with";
  EXPECT_EQ(counters_.recreations.value(), 0U);
}

TEST_F(ConsumerKeeperTest, AConsumerThatIsAheadOfItsStreamStartsAgain) {
  for (const char* payload : {"first", "second", "third"}) publish(payload);
  EXPECT_EQ(receive().size(), 3U);
  broker_.roll_back(kConfirmationsStream, 1);
  EXPECT_TRUE(keeper_.keep(std::nullopt));
  publish("another second");
  EXPECT_THAT(receive(), testing::ElementsAre("first", "another second"));
  EXPECT_EQ(counters_.recreations.value(), 1U);
}

// It would leave out what takes the place of what it has delivered already.
TEST_F(ConsumerKeeperTest, AConsumerThatHasDeliveredMoreThanItsStreamHoldsStartsAgain) {
  for (const char* payload : {"first", "second", "third"}) publish(payload);
  std::vector<Message> received;
  source_->poll(3, received);
  ASSERT_TRUE(source_->ack(received.at(0)));
  broker_.roll_back(kConfirmationsStream, 2);
  EXPECT_TRUE(keeper_.keep(std::nullopt));
  publish("another third");
  EXPECT_THAT(receive(), testing::ElementsAre("second", "another third"));
}

TEST_F(ConsumerKeeperTest, ANewProcessGetsWhatWasNotAcknowledgedAtOnce) {
  for (const char* payload : {"first", "second"}) publish(payload);
  std::vector<Message> received;
  source_->poll(2, received);
  ASSERT_TRUE(source_->ack(received[0]));
  ConsumerKeeper next{bus_, *source_, clock_, spec_, counters_};
  EXPECT_TRUE(next.keep(std::nullopt));
  EXPECT_THAT(receive(), testing::ElementsAre("second"));
  EXPECT_EQ(counters_.recreations.value(), 0U) << "nothing was wrong";
}

TEST_F(ConsumerKeeperTest, ANewProcessDoesNotTrustAConsumerThatIsAheadOfItsStream) {
  for (const char* payload : {"first", "second"}) publish(payload);
  EXPECT_EQ(receive().size(), 2U);
  broker_.roll_back(kConfirmationsStream, 1);
  ConsumerKeeper next{bus_, *source_, clock_, spec_, counters_};
  EXPECT_TRUE(next.keep(std::nullopt));
  EXPECT_THAT(receive(), testing::ElementsAre("first"));
}

TEST_F(ConsumerKeeperTest, BehindAStoreEverythingThatIsNotSettledComesAgain) {
  for (const char* payload : {"first", "second", "third"}) publish(payload);
  EXPECT_EQ(receive().size(), 3U);
  ConsumerKeeper next{bus_, *source_, clock_, spec_, counters_};
  EXPECT_TRUE(next.keep(1));
  EXPECT_EQ(next.first(), 2U);
  EXPECT_THAT(receive(), testing::ElementsAre("second", "third"));
  EXPECT_FALSE(next.keep(1));
  EXPECT_THAT(receive(), testing::IsEmpty());
  next.distrust();
  EXPECT_FALSE(next.in_place());
  EXPECT_TRUE(next.keep(3));
  EXPECT_EQ(next.first(), std::nullopt);
  EXPECT_THAT(receive(), testing::IsEmpty());
}

TEST_F(ConsumerKeeperTest, BehindAStoreNoReconnectIsTrusted) {
  publish("first");
  EXPECT_THAT(receive(), testing::ElementsAre("first"));
  broker_.set_up(false);
  EXPECT_FALSE(keeper_.due());
  broker_.set_up(true);
  EXPECT_TRUE(keeper_.due());
  EXPECT_TRUE(keeper_.keep(0));
  EXPECT_THAT(receive(), testing::ElementsAre("first"));
}

TEST_F(ConsumerKeeperTest, AConsumerThatWentWithItsStreamIsMadeAgain) {
  publish("first");
  EXPECT_EQ(receive().size(), 1U);
  broker_.delete_stream(kConfirmationsStream);
  EXPECT_FALSE(keeper_.keep(std::nullopt));
  EXPECT_FALSE(keeper_.in_place());
  EXPECT_NE(keeper_.trouble(), "");
  ASSERT_TRUE(ensure_streams(bus_));
  EXPECT_TRUE(keeper_.keep(std::nullopt));
  publish("another first");
  EXPECT_THAT(receive(), testing::ElementsAre("another first"));
}

}  // namespace
}  // namespace citas::workers

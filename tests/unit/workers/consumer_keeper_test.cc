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
    keeper_.keep(std::nullopt);
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
  keeper_.keep(std::nullopt);
  publish("second");
  EXPECT_THAT(receive(), testing::ElementsAre("second"));
  EXPECT_EQ(counters_.recreations.value(), 0U);
}

TEST_F(ConsumerKeeperTest, AConsumerThatIsAheadOfItsStreamStartsAgain) {
  for (const char* payload : {"first", "second", "third"}) publish(payload);
  EXPECT_EQ(receive().size(), 3U);
  broker_.roll_back(kConfirmationsStream, 1);
  keeper_.keep(std::nullopt);
  publish("another second");
  EXPECT_THAT(receive(), testing::ElementsAre("first", "another second"));
  EXPECT_EQ(counters_.recreations.value(), 1U);
}

}  // namespace
}  // namespace citas::workers

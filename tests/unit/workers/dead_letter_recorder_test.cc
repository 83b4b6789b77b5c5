#include "workers/dead_letter_recorder.h"

#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"
#include "workers/dead_letter.h"
#include "workers/memory/memory_bus.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

class DeadLetterRecorderTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ensure_streams(bus_));
    recorder_ = std::move(*DeadLetterRecorder::open(bus_, world_.sequencer, world_.clock, wakeup_));
  }
  void run() {
    for (int i = 0; i < 10; ++i) {
      while (recorder_->step().value() || world_.sequencer.stats().queue_depth > 0) {
        world_.step_sequencer();
      }
      world_.clock.advance(std::chrono::milliseconds{500});
    }
  }
  void publish(const std::string& payload, const std::string& id = "", Headers headers = {}) {
    auto publisher = std::move(*bus_.open_publisher({}));
    ASSERT_TRUE(publisher->publish(1, {.subject = "citas.deadletters.PE",
                                       .message_id = id,
                                       .headers = headers,
                                       .payload = payload,
                                       .expected_last_sequence = {}}));
  }
  DeadLetter letter() {
    const Message message{.subject = "citas.events.PE.appointment.requested",
                          .headers = {{kMessageIdHeader, "id-1"}},
                          .payload = "payload",
                          .stream_sequence = 1,
                          .reply = {}};
    return make_dead_letter(message, "processor-PE", kPeru, "processing_failed");
  }
  std::uint64_t ack_pending() {
    return bus_.consumer_info(kDeadLettersStream, "dead-letters")->ack_pending;
  }

  LogWorld world_;
  Wakeup wakeup_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  std::unique_ptr<DeadLetterRecorder> recorder_;
};

TEST_F(DeadLetterRecorderTest, WhatAnotherLogsMessageLedToIsLeftToItsServer) {
  publish(encode(letter()), "", {{kLogHeader, LogWorld(2).log.identity().source()}});
  run();
  EXPECT_TRUE(world_.events().empty());
  EXPECT_EQ(ack_pending(), 1U);
  publish(encode(letter()), "", {{kLogHeader, world_.log.identity().source()}});
  run();
  EXPECT_EQ(world_.events().size(), 1U);
  EXPECT_EQ(ack_pending(), 1U);
}

TEST_F(DeadLetterRecorderTest, WhileItPausesItTakesNoPart) {
  for (const int members : {1, 0, 1}) {
    members == 0 ? recorder_->pause() : run();
    EXPECT_EQ(broker_.members(kDeadLettersStream, "dead-letters"), members);
  }
}

TEST_F(DeadLetterRecorderTest, ALetterIsPutOnRecord) {
  publish(encode(letter()));
  run();
  ASSERT_EQ(world_.events().size(), 1U);
  DeadLetterRecorded expected = letter().letter;
  expected.id = commands::dead_letter_id("processor-PE", "id-1");
  EXPECT_EQ(std::get<DeadLetterRecorded>(world_.events()[0].data), expected);
  EXPECT_EQ(ack_pending(), 0U);
}

TEST_F(DeadLetterRecorderTest, OnceWhateverComes) {
  DeadLetter later = letter();
  later.letter.attempts = 7;
  publish(encode(letter()));
  publish(encode(letter()));
  publish(encode(later));
  run();
  EXPECT_EQ(world_.events().size(), 1U);
  EXPECT_EQ(ack_pending(), 0U);
}

TEST_F(DeadLetterRecorderTest, WhatTheLogDoesNotTakeComesAgain) {
  bool is_full = true;
  world_.sequencer.admit_batches([&]() -> Status {
    if (!is_full) return {};
    return failure(ErrorCode::kStorageFull, "the disk is nearly full");
  });
  publish(encode(letter()));
  run();
  EXPECT_EQ(world_.events().size(), 0U);
  is_full = false;
  run();
  EXPECT_EQ(world_.events().size(), 1U);
  EXPECT_EQ(ack_pending(), 0U);
  EXPECT_GT(recorder_->counters().retries.value(), 0U);
}

TEST_F(DeadLetterRecorderTest, AllLettersAreLookedAtAgainAtAStart) {
  publish(encode(letter()));
  run();
  recorder_ = std::move(*DeadLetterRecorder::open(bus_, world_.sequencer, world_.clock, wakeup_));
  run();
  EXPECT_EQ(recorder_->counters().deliveries.value(), 1U);
  EXPECT_EQ(world_.events().size(), 1U);
}

// The same letter once more is no news; what died again after its retry is.
TEST_F(DeadLetterRecorderTest, DyingAgainAfterARetryIsRecordedOnceMore) {
  DeadLetter dead = letter();
  dead.letter.appointment = world_.request(kPeru);
  dead.retry = Position{0};
  publish(encode(dead));
  run();
  ASSERT_TRUE(world_.retry());
  const Position retry = world_.log.committed();
  publish(encode(dead));  // delivered late
  run();
  EXPECT_EQ(world_.count("deadletter.recorded"), 1U);
  dead.retry = retry;
  publish(encode(dead));
  publish(encode(dead));
  run();
  EXPECT_EQ(world_.count("deadletter.recorded"), 2U);
  EXPECT_EQ(ack_pending(), 0U);
}

// All letters are read again at each start: an operator's retry must outlive that.
TEST_F(DeadLetterRecorderTest, ARetryIsNotUndoneByItsLetterReadAgain) {
  DeadLetter dead = letter();
  dead.letter.appointment = world_.request(kPeru);
  dead.retry = std::nullopt;
  publish(encode(dead));
  run();
  ASSERT_TRUE(world_.retry());
  publish(encode(dead));
  run();
  EXPECT_EQ(world_.count("deadletter.recorded"), 1U);
}

TEST_F(DeadLetterRecorderTest, ALetterThatCannotBeReadIsOneItself) {
  publish(std::string("\xFF{", 2), "strange");
  run();
  ASSERT_EQ(world_.events().size(), 1U);
  const auto recorded = std::get<DeadLetterRecorded>(world_.events()[0].data);
  EXPECT_EQ(recorded.message_id, "strange");
  EXPECT_EQ(recorded.consumer, "dead-letters");
  EXPECT_EQ(recorded.country, kPeru);
  EXPECT_EQ(recorded.reason.text(), "malformed_message");
  EXPECT_EQ(ack_pending(), 0U);
}

}  // namespace
}  // namespace citas::workers

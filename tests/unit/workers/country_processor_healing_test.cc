// Given a store, a bus or a log that was lost, went back or went another way, when the processor
// has run, then the store holds again what the log says.
#include "tests/unit/workers/country_processor_world.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;

TEST_F(ProcessorTest, AWipedStoreIsFilledAgain) {
  std::vector<AppointmentId> all;
  for (int i = 0; i < 5; ++i) all.push_back(world_.request(kPeru));
  run();
  ASSERT_TRUE(all_acknowledged());
  inner_store_ = MemoryCountryStore{};
  start();
  run();
  for (const AppointmentId appointment : all) {
    EXPECT_EQ(state(appointment), EntryState::kRegistered);
  }
}

// Its consumer has acknowledged nothing that is in a row: the first event fails for a while.
TEST_F(ProcessorTest, AWipedStoreDoesNotTrustWhatItsConsumerHasAcknowledged) {
  rules_.failing = {1};
  world_.request(kPeru);
  const auto cancelled = world_.request(kPeru);
  world_.cancel(cancelled);
  run(1);
  ASSERT_EQ(state(cancelled), EntryState::kWithdrawn);
  ASSERT_EQ(bus_.consumer_info(kEventsStream, "processor-PE")->ack_floor_stream_sequence, 0U);
  inner_store_ = MemoryCountryStore{};
  start();
  run();
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn);
}

TEST_F(ProcessorTest, TheMarkStaysBelowWhatIsNotSettled) {
  rules_.failing = {2};
  const auto first = world_.request(kPeru);
  const auto failing = world_.request(kPeru);
  world_.request(kPeru);
  run(1);
  EXPECT_EQ(store_.mark().processed, 1U);
  const MemoryCountryStore old = inner_store_;
  rules_.failing.clear();
  world_.cancel(failing);
  run();
  EXPECT_EQ(store_.mark().processed, 4U);
  ASSERT_TRUE(all_acknowledged());

  inner_store_ = old;
  start();
  run();
  EXPECT_EQ(state(first), EntryState::kRegistered);
  EXPECT_EQ(state(failing), EntryState::kWithdrawn);
  EXPECT_EQ(store_.mark().processed, 4U);
}

TEST_F(ProcessorTest, TheMarkStaysBelowWhatTheBusHasNotAcknowledged) {
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  broker_.lose_acks(true);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(processor_->step());
  EXPECT_EQ(state(*appointment_of(world_.events()[0].data)), EntryState::kRegistered);
  EXPECT_EQ(store_.mark().processed, 0U);
  broker_.lose_acks(false);
  run();
  EXPECT_EQ(store_.mark().processed, 1U);
}

// It was published for a store that is gone.
TEST_F(ProcessorTest, TheMarkStaysBelowWhatAnotherStoreHasAnswered) {
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  broker_.hold_acks(true);
  ASSERT_TRUE(processor_->step());
  inner_store_ = MemoryCountryStore{};
  rules_.failing = {1};
  processor_->begin(store_);
  for (int i = 0; i < 10 && rules_.asked[1] < 2; ++i) {
    world_.clock.advance(milliseconds{100});
    ASSERT_TRUE(processor_->step());
  }
  ASSERT_EQ(rules_.asked[1], 2);
  broker_.hold_acks(false);
  run_at_once();
  EXPECT_EQ(store_.mark().processed, 0U);
}

TEST_F(ProcessorTest, TheMarkStaysBelowADeadLetterThatTheLogDoesNotHave) {
  rules_.failing = {1};
  world_.request(kPeru);
  world_.request(kPeru);
  run();
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(store_.mark().processed, 0U);
  // Nobody has read the letter when the bus loses it.
  broker_.wipe();
  run();
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(rules_.asked[1], 3) << "it is not tried again";
  ASSERT_TRUE(world_.execute(commands::RecordDeadLetter{dead_letters()[0]}));
  run();
  EXPECT_EQ(store_.mark().processed, 3U);
}

TEST_F(ProcessorTest, TheMarkStaysThoughSomebodyElsesLetterOfTheSameMessageIsOnRecord) {
  rules_.failing = {1};
  world_.request(kPeru);
  run();
  DeadLetterRecorded theirs = dead_letters().at(0);
  theirs.consumer = "confirmations";
  ASSERT_TRUE(world_.execute(commands::RecordDeadLetter{theirs}));
  run();
  EXPECT_EQ(store_.mark().processed, 0U);
}

// The stream of what is sent again has numbers of its own.
TEST_F(ProcessorTest, TheMarkStaysBelowAnEventWhoseNumberSomethingElseHas) {
  rules_.failing = {1};
  world_.request(kPeru);
  world_.request(kPeru);
  run(1);
  const Headers headers{{kSourceHeader, world_.log.identity().source()}};
  redeliver("again/1", read_one(world_.log, Position{2})->bytes, headers);
  run(1);
  ASSERT_EQ(bus_.consumer_info(kRedeliverStream, "redeliver-PE")->ack_floor_stream_sequence, 1U);
  EXPECT_EQ(store_.mark().processed, 0U);
}

TEST_F(ProcessorTest, TheMarkStaysBelowAnEventWhoseNumberADeadLetterHas) {
  rules_.failing = {1};
  world_.request(kPeru);
  run();
  ASSERT_TRUE(world_.execute(commands::RecordDeadLetter{dead_letters().at(0)}));
  run();
  ASSERT_EQ(store_.mark().processed, 2U);
  // All of it once more, and this time the event is still being tried.
  inner_store_ = MemoryCountryStore{};
  start();
  redeliver("rubbish", "{}");
  run(1);
  ASSERT_EQ(rules_.asked[1], 4);
  ASSERT_EQ(bus_.consumer_info(kRedeliverStream, "redeliver-PE")->ack_floor_stream_sequence, 1U);
  EXPECT_EQ(store_.mark().processed, 0U);
}

TEST_F(ProcessorTest, WhatIsSentAgainDoesNotTakeBackWhatTheStoreHasSeen) {
  world_.request(kPeru);
  run();
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  redeliver("again/1", read_one(world_.log, Position{1})->bytes,
            {{kSourceHeader, world_.log.identity().source()}, {kPositionHeader, "1"}});
  ASSERT_TRUE(processor_->step());  // both together
  ASSERT_EQ(rules_.asked[2], 1);
  EXPECT_EQ(store_.mark().seen, 2U);
}

// The store forgot, the log did not: no second letter will be recorded.
TEST_F(ProcessorTest, ADeadLetterOnRecordIsEnoughForAnEmptyStore) {
  rules_.failing = {1};
  world_.request(kPeru);
  run();
  ASSERT_TRUE(world_.execute(commands::RecordDeadLetter{dead_letters().at(0)}));
  inner_store_ = MemoryCountryStore{};
  start();
  run();
  EXPECT_EQ(rules_.asked[1], 6);
  EXPECT_EQ(store_.mark().processed, 2U);
}

TEST_F(ProcessorTest, ADeliveryThatGotLostIsAskedForAgain) {
  const auto cancelled = world_.request(kPeru);
  run();
  world_.cancel(cancelled);
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  broker_.lose_deliveries(1);
  ASSERT_TRUE(processor_->step());
  EXPECT_EQ(store_.mark().processed, 1U);
  run(2);
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn) << "before ack_wait has passed";
  EXPECT_EQ(store_.mark().processed, 3U);
  EXPECT_EQ(processor_->counters().recreations.value(), 1U);
}

// The very first delivery, behind which nothing begins.
TEST_F(ProcessorTest, AFirstDeliveryThatGotLostIsAskedForAgain) {
  run(1);
  const auto mine = world_.request(kPeru);
  world_.request(kPeru);
  broker_.lose_deliveries(1);
  run(3);
  EXPECT_EQ(state(mine), EntryState::kRegistered);
  EXPECT_EQ(store_.mark().processed, 2U);
}

TEST_F(ProcessorTest, WhatACrashInterruptedComesAtOnce) {
  const auto mine = world_.request(kPeru);
  crash(CrashingStore::Crash::kBeforeCommit);
  run_at_once();
  EXPECT_EQ(state(mine), EntryState::kRegistered);
  EXPECT_EQ(confirmations().size(), 1U);
}

TEST_F(ProcessorTest, TheFewestTriesGoFirst) {
  for (int i = 0; i < 3; ++i) world_.request(kPeru);
  crash(CrashingStore::Crash::kBeforeCommit);  // all of them
  crash(CrashingStore::Crash::kBeforeCommit);  // the first of them, alone
  // The last of them is who the group was up to.
  while (confirmations().empty()) ASSERT_TRUE(processor_->step());
  EXPECT_EQ(state(*appointment_of(world_.events()[1].data)), EntryState::kRegistered);
  for (const std::size_t later : {0U, 2U}) {
    EXPECT_EQ(store_.find(*appointment_of(world_.events()[later].data)).value(), std::nullopt);
  }
  run();
  EXPECT_EQ(confirmations().size(), 3U);
}

TEST_F(ProcessorTest, AnOlderStoreIsFilledUpEvenIfNewEventsComeFirst) {
  const auto first = world_.request(kPeru);
  run();
  const MemoryCountryStore old = inner_store_;
  const auto second = world_.request(kPeru);
  run();
  ASSERT_TRUE(all_acknowledged());
  const auto third = world_.request(kPeru);
  while (relay_->step().value()) {
  }
  inner_store_ = old;
  start();
  run();
  for (const AppointmentId appointment : {first, second, third}) {
    EXPECT_EQ(state(appointment), EntryState::kRegistered);
  }
}

TEST_F(ProcessorTest, AnOlderStoreDoesNotMoveOnBeforeItsConsumerWasLookedAt) {
  world_.request(kPeru);
  run();
  const MemoryCountryStore old = inner_store_;
  const auto missed = world_.request(kPeru);
  run();
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  inner_store_ = old;
  broker_.refuse_consumers(true);
  start();
  run(3);
  EXPECT_EQ(store_.mark(), old.mark());
  broker_.refuse_consumers(false);
  run();
  EXPECT_EQ(state(missed), EntryState::kRegistered);
}

TEST_F(ProcessorTest, OtherCountriesEventsDoNotLookLikeALoss) {
  world_.request(kPeru);
  for (int i = 0; i < 5; ++i) world_.request(kChile);
  run();
  start();
  run();
  EXPECT_EQ(processor_->counters().recreations.value(), 0U);
}

// An answer that was lost with it is missed by the log, whose reconciler asks for it again.
TEST_F(ProcessorTest, AWipedBusIsAskedForWhatIsNotSettledOnly) {
  world_.request(kPeru);
  const auto cancelled = world_.request(kPeru);
  run();
  world_.cancel(cancelled);
  broker_.wipe();
  run();
  EXPECT_EQ(confirmations().size(), 0U);
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn);
  EXPECT_EQ(store_.mark().processed, 3U);
  EXPECT_TRUE(all_acknowledged());
}

TEST_F(ProcessorTest, AnOlderBusIsAskedForWhatIsNotSettledOnly) {
  const auto first = world_.request(kPeru);
  for (int i = 0; i < 3; ++i) world_.request(kPeru);
  run();
  broker_.roll_back(kEventsStream, 2);
  world_.cancel(first);
  run();
  EXPECT_EQ(confirmations().size(), 4U);
  EXPECT_EQ(state(first), EntryState::kWithdrawn);
  EXPECT_EQ(store_.mark().processed, 5U);
}

TEST_F(ProcessorTest, AStoreOfAnotherLogIsEmptied) {
  const auto old = world_.request(kPeru);
  run();
  ASSERT_EQ(state(old), EntryState::kRegistered);

  LogWorld other(2);
  const auto fresh = other.request(kPeru);
  auto relay = std::move(*Relay::open(other.log, bus_, world_.clock, {}));
  relay_ = std::move(relay);
  start();
  run();
  EXPECT_EQ(store_.find(old).value(), std::nullopt);
  EXPECT_EQ(state(fresh), EntryState::kRegistered);
  EXPECT_EQ(store_.mark().log_source, other.log.identity().source());
  EXPECT_TRUE(all_acknowledged());
  const std::vector<std::string> told{world_.log.identity().source(),
                                      other.log.identity().source()};
  EXPECT_THAT(emptied_, ::testing::ElementsAre(told)) << "once, and not of a store that was new";
}

// Its mark is in what both futures share; what it has seen is not.
TEST_F(ProcessorTest, AStoreThatWentAnotherWayAboveItsMarkIsFilledAgain) {
  rules_.failing = {2};
  const auto kept = world_.request(kPeru);
  world_.request(kPeru);
  const auto lost = world_.request(kPeru);
  run(1);
  ASSERT_EQ(store_.mark().processed, 1U);
  ASSERT_EQ(state(lost), EntryState::kRegistered);

  LogWorld other;
  ASSERT_EQ(other.request(kPeru), kept) << "the same log up to there";
  other.ids.next();
  for (int i = 0; i < 3; ++i) other.request(kPeru);
  relay_ = std::move(*Relay::open(other.log, bus_, world_.clock, {}));
  rules_.failing.clear();
  start();
  run();
  EXPECT_EQ(state(kept), EntryState::kRegistered);
  EXPECT_EQ(store_.find(lost).value(), std::nullopt);
  EXPECT_EQ(store_.mark().processed, 4U);
}

// In one go with the message that tells of the other log.
TEST_F(ProcessorTest, WhatWasReceivedBeforeTheStoreWasEmptiedDoesNotEnterIt) {
  world_.request(kPeru);
  run();
  const auto late = world_.request(kPeru);
  while (relay_->step().value()) {
  }
  const LogWorld other(2);
  const Headers of_other{{kSourceHeader, other.log.identity().source()}};
  auto publisher = std::move(*bus_.open_publisher({}));
  ASSERT_TRUE(publisher->publish(1, {.subject = "citas.events.CL.note",
                                     .message_id = {},
                                     .headers = of_other,
                                     .payload = "foreign",
                                     .expected_last_sequence = {}}));
  redeliver("theirs/1", "{}", of_other);
  ASSERT_TRUE(processor_->step());
  EXPECT_EQ(store_.mark().log_source, other.log.identity().source());
  EXPECT_EQ(store_.find(late).value(), std::nullopt);
}

// It waits for its turn when its consumer is made again, and so comes a second time.
TEST_F(ProcessorTest, WhatWaitsToBeTriedAgainIsTriedOnceForEachDelivery) {
  rules_.failing = {1};
  world_.request(kPeru);
  run(1);
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  ASSERT_TRUE(processor_->step());
  ASSERT_EQ(rules_.asked[1], 1);
  broker_.set_up(false);
  broker_.set_up(true);
  run_at_once();
  EXPECT_EQ(rules_.asked[1], 2);
}

TEST_F(ProcessorTest, DyingRightAfterTheStoreWasEmptiedLeavesNothingOut) {
  world_.request(kPeru);
  world_.request(kPeru);
  run();
  LogWorld other(2);
  const auto cancelled = other.request(kPeru);
  other.cancel(cancelled);
  relay_ = std::move(*Relay::open(other.log, bus_, world_.clock, {}));
  while (relay_->step().value()) {
  }
  world_.clock.advance(std::chrono::seconds{3});
  crash(CrashingStore::Crash::kAfterReset);
  run();
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn);
  EXPECT_EQ(store_.mark().processed, 2U);
}

// The same log as far as an older copy of it was restored; from there on it went another way.
class RestoredLogTest : public ProcessorTest {
 protected:
  RestoredLogTest() { copy_.ids.next(); }  // its ids differ from here on

  // Goes on with the copy, which has `count` events more.
  void restore_and_request(int count) {
    for (int i = 0; i < count; ++i) fresh_.push_back(copy_.request(kPeru));
    relay_ = std::move(*Relay::open(copy_.log, bus_, world_.clock, {}));
  }

  LogWorld copy_;  // of the same seed as world_: of the same log
  std::vector<AppointmentId> fresh_;
};

TEST_F(RestoredLogTest, AStoreThatWentAnotherWayIsFilledAgain) {
  std::vector<AppointmentId> lost;
  for (int i = 0; i < 3; ++i) lost.push_back(world_.request(kPeru));
  run();
  copy_.request(kChile);
  restore_and_request(5);
  for (const bool restarted : {true, false}) {
    if (restarted) start();
    run();
  }
  for (const AppointmentId appointment : lost) {
    EXPECT_EQ(store_.find(appointment).value(), std::nullopt);
  }
  for (const AppointmentId appointment : fresh_) {
    EXPECT_EQ(state(appointment), EntryState::kRegistered);
  }
  EXPECT_EQ(store_.mark().processed, copy_.log.head().position.value());
  EXPECT_TRUE(all_acknowledged());
  EXPECT_TRUE(dead_letters().empty());
}

// However long ago the stream was last looked at: what comes before the next look counts.
class OlderLogTest : public RestoredLogTest, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Ticks, OlderLogTest, ::testing::Range(0, 5));

TEST_P(OlderLogTest, AStoreThatIsAheadShowsItselfWhenTheLogGetsThere) {
  const auto lost = world_.request(kPeru);
  world_.request(kPeru);
  run();
  copy_.request(kChile);
  restore_and_request(0);
  run(60 + GetParam());
  EXPECT_EQ(state(lost), EntryState::kRegistered);
  restore_and_request(4);
  run();
  EXPECT_EQ(store_.find(lost).value(), std::nullopt);
  for (const AppointmentId appointment : fresh_) {
    EXPECT_EQ(state(appointment), EntryState::kRegistered);
  }
}

TEST_F(ProcessorTest, AStoreThatFitsIsNotFilledAgain) {
  for (int i = 0; i < 3; ++i) world_.request(kPeru);
  run();
  broker_.wipe();
  start();
  world_.request(kPeru);
  run();
  EXPECT_EQ(rules_.asked[1], 1);
  EXPECT_EQ(store_.mark().processed, 4U);
}

TEST_F(ProcessorTest, AStoreOfAnAbandonedFutureIsEmptied) {
  const auto kept = world_.request(kPeru);
  const auto abandoned = world_.request(kPeru);
  run();
  ASSERT_EQ(state(abandoned), EntryState::kRegistered);

  LogWorld restored(1, Epoch{2});
  ASSERT_EQ(restored.request(kPeru), kept) << "the same log up to there";
  relay_ = *Relay::open(restored.log, bus_, world_.clock, {});
  start();
  run();
  EXPECT_EQ(state(kept), EntryState::kRegistered);
  EXPECT_EQ(store_.find(abandoned).value(), std::nullopt);
  EXPECT_EQ(store_.mark().log_source, origin_of(restored.log));
  EXPECT_TRUE(all_acknowledged());
  start();
  run();
  EXPECT_EQ(processor_->counters().recreations.value(), 0U) << "once is enough";
}

// An operator purges or deletes messages: the consumer is sent what comes behind as if nothing
// were.
TEST_F(ProcessorTest, ACancellationThatIsGoneFromTheStreamIsMadeUpFor) {
  const auto cancelled = world_.request(kPeru);
  run();
  world_.cancel(cancelled);
  while (relay_->step().value()) {
  }
  broker_.lose(kEventsStream, 2);
  world_.request(kPeru);
  run_at_once();
  EXPECT_EQ(store_.mark().processed, 1U);
  EXPECT_THAT(processor_->trouble(), ::testing::HasSubstr("left out events"));
  run();
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn);
  EXPECT_EQ(store_.mark().processed, 3U);
  EXPECT_EQ(processor_->trouble(), "");
}

TEST_F(ProcessorTest, ACancellationThatTheBusCannotReadIsMadeUpFor) {
  const auto cancelled = world_.request(kPeru);
  run();
  world_.cancel(cancelled);
  while (relay_->step().value()) {
  }
  broker_.damage(kEventsStream, 2);
  world_.request(kPeru);
  run();
  EXPECT_EQ(store_.mark().processed, 1U);
  broker_.set_up(false);
  broker_.set_up(true);
  run();
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn);
}

// It lies where the next event belongs, and is gone when that comes.
TEST_F(ProcessorTest, AForeignMessageHidesNoCancellation) {
  const auto cancelled = world_.request(kPeru);
  run();
  auto publisher = std::move(*bus_.open_publisher({}));
  ASSERT_TRUE(publisher->publish(1, {.subject = "citas.events.PE.note",
                                     .message_id = {},
                                     .headers = {},
                                     .payload = "foreign",
                                     .expected_last_sequence = {}}));
  run_at_once();
  EXPECT_EQ(store_.mark().processed, 1U);
  world_.cancel(cancelled);
  run();
  EXPECT_EQ(state(cancelled), EntryState::kWithdrawn);
}

// A mistake of configuration: each is sent a part, and knows of the rest only that it is missing.
TEST_F(ProcessorTest, AnotherProcessorOfTheSameCountryIsToldWhileItGoesOn) {
  run(1);
  MemoryCountryStore its_store;
  auto other = std::move(
      *CountryProcessor::open(kPeru, bus_, rules_, world_.codec, world_.clock, {.max_batch = 1}));
  other->begin(its_store);
  std::vector<AppointmentId> all;
  for (int i = 0; i < 40; ++i) {
    for (int n = 0; n < 4; ++n) all.push_back(world_.request(kPeru));
    for (Piece* piece : {static_cast<Piece*>(relay_.get()), static_cast<Piece*>(other.get()),
                         static_cast<Piece*>(processor_.get())}) {
      ASSERT_TRUE(piece->step());
    }
    world_.clock.advance(milliseconds{250});
  }
  EXPECT_THAT(processor_->trouble(), ::testing::HasSubstr("another process"));
  other.reset();
  run(100);
  EXPECT_EQ(processor_->trouble(), "");
  for (const AppointmentId mine : all) EXPECT_EQ(state(mine), EntryState::kRegistered);
}

}  // namespace
}  // namespace citas::workers

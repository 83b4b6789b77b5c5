// Given a log and a bus in any state, when the relay has run, then the stream is a copy of the log.
#include <algorithm>

#include "tests/unit/workers/relay_world.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(RelayTest, PublishesEverythingInOrder) {
  for (int i = 0; i < 20; ++i) world_.request(i % 2 == 0 ? kPeru : kChile);
  auto relay = relay_of(world_);
  EXPECT_EQ(relay->stats().lag_events, 20U);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(broker_.message(kEventsStream, 2)->subject, "citas.events.CL.appointment.requested");
  EXPECT_EQ(relay->stats().published, 20U);
  EXPECT_EQ(relay->stats().lag_events, 0U);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
}

TEST_F(RelayTest, GoesOnWhereTheStreamEnds) {
  world_.request(kPeru);
  run(world_, *relay_of(world_));
  auto relay = relay_of(world_);
  run(world_, *relay);
  EXPECT_EQ(relay->stats().published, 1U) << "by the one before";
  EXPECT_EQ(relay->stats().lag_events, 0U);
  world_.request(kPeru);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
}

TEST_F(RelayTest, NothingIsRepublishedWhenAcksAreLost) {
  for (int i = 0; i < 5; ++i) world_.request(kPeru);
  broker_.lose_acks(true);
  auto relay = relay_of(world_);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(relay->step());
    world_.clock.advance(milliseconds{100});
  }
  broker_.lose_acks(false);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
}

TEST_F(RelayTest, AcksInTheWrongOrderCountAllTheSame) {
  for (int i = 0; i < 20; ++i) world_.request(kPeru);
  broker_.reverse_acks(true);
  auto relay = relay_of(world_);
  run(world_, *relay);
  EXPECT_EQ(relay->stats().published, 20U);
  EXPECT_EQ(relay->stats().lag_events, 0U);
  EXPECT_EQ(relay->stats().lag, milliseconds{0});
}

// It could still change the stream under our eyes.
TEST_F(RelayTest, WhatIsUnderWayIsWaitedForBeforeTheStreamIsLookedAt) {
  for (int i = 0; i < 3; ++i) world_.request(kPeru);
  broker_.hold_acks(true);
  auto relay = relay_of(world_);
  run_for(milliseconds{300}, *relay);
  reconnect();
  run_for(std::chrono::seconds{1}, *relay);
  EXPECT_EQ(relay->stats().published, 0U);
  broker_.hold_acks(false);
  run_for(std::chrono::seconds{1}, *relay);
  EXPECT_EQ(relay->stats().published, 3U);
  expect_copy_of(world_);
}

TEST_F(RelayTest, ABusThatIsDownIsWaitedFor) {
  broker_.set_up(false);
  world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  world_.clock.advance(std::chrono::seconds{60});
  EXPECT_FALSE(relay->step().value());
  EXPECT_EQ(relay->stats().lag_events, 1U);
  EXPECT_GE(relay->stats().lag, std::chrono::seconds{60});
  EXPECT_EQ(relay->trouble(), "") << "the connection says why";
  broker_.set_up(true);
  run(world_, *relay);
  expect_copy_of(world_);
}

TEST_F(RelayTest, AStreamOfAnotherLogIsReplacedWithAllItsConsumers) {
  LogWorld other(2);
  for (int i = 0; i < 3; ++i) other.request(kPeru);
  run(other, *relay_of(other));
  publish_foreign("citas.confirmations.PE");
  ASSERT_TRUE(bus_.ensure_consumer(confirmations_consumer()));
  for (int i = 0; i < 5; ++i) world_.request(kChile);

  auto relay = relay_of(world_);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 1U);
  EXPECT_EQ(bus_.stream_info(kConfirmationsStream)->messages, 0U);
  EXPECT_FALSE(bus_.consumer_info(kConfirmationsStream, "confirmations"));
}

// Nothing tells the stream from the restored log's, but what lies behind it may be of a future that
// was given up.
TEST_F(RelayTest, AStreamOfTheTimeBeforeARestoreIsReplacedWithAllItsConsumers) {
  LogWorld restored(1, Epoch{1'790'000'000});
  for (LogWorld* world : {&world_, &restored}) {
    for (int i = 0; i < 3; ++i) world->request(kPeru);
  }
  ASSERT_EQ(restored.log.head().hash, world_.log.head().hash);
  run(world_, *relay_of(world_));
  ASSERT_TRUE(bus_.ensure_consumer(confirmations_consumer()));
  auto relay = relay_of(restored);
  run(restored, *relay);
  EXPECT_EQ(relay->stats().rebuilds, 1U);
  EXPECT_FALSE(bus_.consumer_info(kConfirmationsStream, "confirmations"));
  const auto last = bus_.last_message(kEventsStream);
  ASSERT_TRUE(last);
  EXPECT_EQ(find_header(last->headers, "Citas-Epoch"), "1790000000");
  relay = relay_of(restored);
  run(restored, *relay);
  EXPECT_EQ(relay->stats().rebuilds, 0U) << "once is enough";
}

TEST_F(RelayTest, AStreamThatIsAheadOfTheLogIsReplaced) {
  LogWorld twin;
  for (int i = 0; i < 4; ++i) twin.request(kPeru);
  run(twin, *relay_of(twin));
  world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 1U);
}

TEST_F(RelayTest, AForeignMessageInTheStreamIsFoundAndTheStreamReplaced) {
  world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  publish_foreign("citas.events.PE.appointment.requested");
  world_.request(kPeru);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 1U);
}

TEST_F(RelayTest, AWipedBusIsFilledAgainAfterTheReconnect) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  broker_.wipe();
  run(world_, *relay);
  expect_copy_of(world_);
}

TEST_F(RelayTest, AnOlderStoreOfTheBusIsBroughtUpToDate) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  broker_.roll_back(kEventsStream, 4);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
}

// By an operator, who cannot take it back either.
TEST_F(RelayTest, SealedStreamsAreMadeAnewAlsoWhereNothingIsWritten) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  for (const char* stream : {kEventsStream, kConfirmationsStream}) broker_.seal(stream);
  run_for(std::chrono::seconds{10}, *relay);
  expect_copy_of(world_);
  EXPECT_TRUE(ensure_streams(bus_));
  EXPECT_EQ(reasons_.size(), 2U);
  EXPECT_EQ(relay->trouble(), "");
}

TEST_F(RelayTest, AStreamWhoseEndCannotBeReadIsReplaced) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  broker_.damage(kEventsStream, 9);
  broker_.set_up(false);
  broker_.set_up(true);
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 1U);
}

// The end of the stream fits the log, so that only reading all of it shows what is wrong.
TEST_F(RelayTest, ADamagedMessageInTheMiddleIsFoundAndTheStreamReplaced) {
  for (int i = 0; i < 1'000; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  run_for(std::chrono::seconds{5}, *relay);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
  broker_.damage(kEventsStream, 777);
  broker_.set_up(false);
  broker_.set_up(true);
  run_for(std::chrono::seconds{5}, *relay);
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("event 777 ")));
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 1U);
  EXPECT_FALSE(bus_.consumer_info(kEventsStream, audit_consumer().durable));
  reconnect();
  run_for(std::chrono::seconds{5}, *relay);
  EXPECT_EQ(relay->stats().rebuilds, 1U) << "it has been made up for";
}

// Its headers are the log's, or its bytes; so are those of the last one.
TEST_F(RelayTest, AForgedMessageInTheMiddleIsFoundAndTheStreamReplaced) {
  for (int i = 0; i < 3; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  for (const bool has_other_bytes : {true, false}) {
    run(world_, *relay);
    std::vector<StoredMessage> all;
    for (std::uint64_t i = 1; i <= 3; ++i) {
      all.push_back(broker_.message(kEventsStream, i).value());
    }
    if (has_other_bytes) {
      all[1].payload.back() = ' ';
    } else {
      std::ranges::find(all[1].headers, kHashHeader, &Header::name)->value.front() = 'x';
    }
    broker_.delete_stream(kEventsStream);
    ASSERT_TRUE(ensure_streams(bus_));
    for (const StoredMessage& message : all) publish(message);
    reconnect();
    reasons_.clear();
    run_for(std::chrono::seconds{5}, *relay);
    EXPECT_THAT(reasons_, ElementsAre(HasSubstr("event 2 "))) << has_other_bytes;
    expect_copy_of(world_);
  }
}

// Nobody connects anew, and the state of the stream says nothing of it.
TEST_F(RelayTest, AMessageDamagedMeanwhileIsFoundWhenSomebodyDoubts) {
  for (int i = 0; i < 1'000; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  run_for(std::chrono::seconds{5}, *relay);
  broker_.damage(kEventsStream, 777);
  run_for(std::chrono::seconds{20}, *relay);
  EXPECT_THAT(reasons_, ElementsAre());
  relay->doubt_stream();
  run_for(std::chrono::seconds{5}, *relay);
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("event 777 ")));
  run(world_, *relay);
  expect_copy_of(world_);

  // A doubt that goes on is not followed without pause.
  run_for(std::chrono::seconds{5}, *relay);
  broker_.damage(kEventsStream, 500);
  relay->doubt_stream();
  run_for(std::chrono::seconds{20}, *relay);
  EXPECT_EQ(reasons_.size(), 1U);
  run_for(std::chrono::minutes{10}, *relay);
  relay->doubt_stream();
  run_for(std::chrono::seconds{5}, *relay);
  EXPECT_EQ(reasons_.size(), 2U);
}

TEST_F(RelayTest, AStreamOfAnswersThatLacksSomeIsMadeAgainAlone) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  for (int i = 0; i < 3; ++i) publish_foreign("citas.confirmations.PE");
  broker_.lose(kConfirmationsStream, 2);
  broker_.set_up(false);
  broker_.set_up(true);
  run(world_, *relay);
  EXPECT_EQ(bus_.stream_info(kConfirmationsStream)->last_sequence, 0U);
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("CITAS_CONFIRMATIONS")));
  expect_copy_of(world_);
}

TEST_F(RelayTest, AStreamThatIsNotSentAnyMoreIsReplaced) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  broker_.mute(true);
  broker_.set_up(false);
  broker_.set_up(true);
  run_for(std::chrono::seconds{4}, *relay);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
  run_for(std::chrono::seconds{2}, *relay);
  EXPECT_THAT(reasons_, ElementsAre(HasSubstr("event 1 ")));
}

// Another server that comes to use the bus compares with a consumer of the same name.
TEST_F(RelayTest, ItTakesPartInTheAuditsConsumerOnlyWhileItCompares) {
  const auto members = [&] { return broker_.members(kEventsStream, audit_consumer().durable); };
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run_for(std::chrono::seconds{5}, *relay);
  EXPECT_EQ(members(), 0) << "all has been compared";
  broker_.mute(true);
  reconnect();
  run_for(std::chrono::seconds{1}, *relay);
  EXPECT_EQ(members(), 1);
  broker_.refuse_messages(true);
  reconnect();
  run_for(std::chrono::seconds{1}, *relay);
  EXPECT_EQ(members(), 0) << "it does not even know whose the streams are";
}

// It may only be slow, or frozen: that is no reason to throw its streams away.
TEST_F(RelayTest, AStreamOfWhichNothingIsHeardIsLeftAlone) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  broker_.mute(true);
  reconnect();
  run_for(milliseconds{100}, *relay);
  broker_.refuse_looks(true);
  run_for(std::chrono::seconds{20}, *relay);
  EXPECT_THAT(reasons_, ElementsAre());
  broker_.mute(false);
  broker_.refuse_looks(false);
  broker_.refuse_messages(true);
  reconnect();
  run_for(std::chrono::seconds{20}, *relay);
  EXPECT_THAT(reasons_, ElementsAre());
  broker_.refuse_messages(false);
  run_for(std::chrono::seconds{20}, *relay);
  EXPECT_THAT(reasons_, ElementsAre());
  EXPECT_EQ(relay->trouble(), "");
}

TEST_F(RelayTest, ABusThatIsFullIsInTroubleUntilItTakesEventsAgain) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  broker_.limit_storage(1);
  auto relay = relay_of(world_);
  run_for(std::chrono::seconds{3}, *relay);
  EXPECT_EQ(relay->stats().lag_events, 8U);
  // What comes behind it is refused for it, which is no news; and each new look finds the stream in
  // order, which is no comfort.
  for (int i = 0; i < 100; ++i) {
    run_for(milliseconds{10}, *relay);
    EXPECT_EQ(relay->trouble(), "the bus does not take event 2: insufficient resources");
  }
  broker_.limit_storage({});
  run(world_, *relay);
  expect_copy_of(world_);
  EXPECT_EQ(relay->trouble(), "");
}

TEST_F(RelayTest, NothingIsInTroubleWhenWhatWasRefusedIsThere) {
  world_.request(kPeru);
  auto relay = relay_of(world_);
  broker_.lose_acks(true);
  while (relay->trouble().empty()) run_for(milliseconds{10}, *relay);
  EXPECT_THAT(relay->trouble(), HasSubstr("the acknowledgement got lost"));
  run(world_, *relay);
  EXPECT_EQ(relay->trouble(), "");
}

TEST_F(RelayTest, TellsWhatTheBusStores) {
  world_.request(kPeru);
  broker_.limit_storage(1'000'000);
  auto relay = relay_of(world_);
  run(world_, *relay);
  run_for(std::chrono::seconds{6}, *relay);
  EXPECT_EQ(relay->stats().storage.used_bytes, bus_.stream_info(kEventsStream)->bytes);
  EXPECT_EQ(relay->stats().storage.max_bytes, 1'000'000U);
}

// Its server may still be deleting its files, and would take those of a new one with them.
TEST_F(RelayTest, AStreamDeletedWhileRunningIsMadeAgainOnceItsFilesAreGone) {
  world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  broker_.delete_stream(kEventsStream);
  world_.request(kPeru);
  run_for(milliseconds{900}, *relay);
  EXPECT_FALSE(bus_.stream_info(kEventsStream));
  broker_.delete_stream(kConfirmationsStream);
  run_for(milliseconds{900}, *relay);
  EXPECT_FALSE(bus_.stream_info(kEventsStream)) << "the next one has been deleted since";
  run_for(milliseconds{500}, *relay);
  EXPECT_TRUE(bus_.stream_info(kConfirmationsStream));
  expect_copy_of(world_);
}

// Nothing has to be published for that: confirmations may be all that anybody waits for.
TEST_F(RelayTest, AnyStreamDeletedWhileNothingHappensIsMadeAgain) {
  world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  for (const StreamSpec& spec : stream_specs()) {
    broker_.delete_stream(spec.name);
    run_for(std::chrono::seconds{3}, *relay);
    EXPECT_TRUE(bus_.stream_info(spec.name)) << spec.name;
  }
  expect_copy_of(world_);
}

TEST_F(RelayTest, MessagesDeletedOrPurgedWhileNothingHappensComeBack) {
  for (int i = 0; i < 9; ++i) world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  for (const auto take : {&MemoryBroker::lose, &MemoryBroker::purge}) {
    reasons_.clear();
    (broker_.*take)(kEventsStream, 4);
    run_for(std::chrono::seconds{3}, *relay);
    EXPECT_THAT(reasons_, ElementsAre(HasSubstr("lacks messages")));
    expect_copy_of(world_);
  }
}

// Somebody else has published under the event's id, which the bus takes for the event.
TEST_F(RelayTest, AnAcknowledgementOfAnotherPlaceIsNone) {
  auto relay = relay_of(world_);
  run(world_, *relay);
  world_.request(kPeru);
  publish_foreign("citas.events.PE.note");
  publish_foreign("citas.events.PE.note", world_.events().at(0).id.value().to_string());
  run_for(std::chrono::seconds{1}, *relay);
  EXPECT_EQ(reasons_.size(), 1U) << "before anybody looks";
  expect_copy_of(world_);
}

TEST_F(RelayTest, AForeignMessageIsFoundWhileNothingHappens) {
  world_.request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  publish_foreign("citas.events.PE.note");
  run_for(std::chrono::seconds{3}, *relay);
  expect_copy_of(world_);
}

TEST_F(RelayTest, AnotherLogsStreamOfTheSameLengthIsFoundWhileNothingHappens) {
  LogWorld other(2);
  for (LogWorld* world : {&world_, &other}) world->request(kPeru);
  auto relay = relay_of(world_);
  run(world_, *relay);
  run(other, *relay_of(other));
  run_for(std::chrono::seconds{20}, *relay);
  expect_copy_of(world_);
}

TEST_F(RelayTest, StreamsAsTheyShouldBeAreLeftAlone) {
  auto relay = relay_of(world_);
  for (int i = 0; i < 20; ++i) {
    world_.request(kPeru);
    run_for(milliseconds{700}, *relay);
  }
  expect_copy_of(world_);
  EXPECT_EQ(relay->stats().rebuilds, 0U);
}

TEST_F(RelayTest, EachEventNamesTheOneBeforeItOfItsCountry) {
  const auto previous = [&](std::uint64_t sequence) {
    const auto message = broker_.message(kEventsStream, sequence).value();
    return std::string(find_header(message.headers, kPreviousHeader).value_or("none"));
  };
  for (const CountryCode& country : {kPeru, kChile, kPeru}) world_.request(country);
  run(world_, *relay_of(world_));
  for (const CountryCode& country : {kPeru, kEcuador, kChile}) world_.request(country);
  run(world_, *relay_of(world_));
  std::vector<std::string> all;
  for (std::uint64_t i = 1; i <= 6; ++i) all.push_back(previous(i));
  EXPECT_THAT(all, ElementsAre("0", "0", "1", "3", "0", "2"));
}

}  // namespace
}  // namespace citas::workers

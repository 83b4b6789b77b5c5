// Given a country's store and what comes on the bus, when its processor has run, then what is
// stored, answered, acknowledged and given up.
#include "tests/unit/workers/country_processor_world.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

TEST_F(ProcessorTest, RegistersAndConfirmsItsCountryOnly) {
  const auto mine = world_.request(kPeru);
  world_.request(kChile);
  run();
  const Event request = world_.events().at(0);
  EXPECT_THAT(confirmations(),
              ElementsAre(Confirmation{mine, request.id, kPeru, registration_of(kPeru, mine)}));
  EXPECT_EQ(state(mine), EntryState::kRegistered);
  EXPECT_TRUE(all_acknowledged());
  EXPECT_EQ(processor_->counters().completed.value(), 1U);
}

TEST_F(ProcessorTest, WhatItSaysNamesTheLogThatAsked) {
  rules_.failing = {2};
  world_.request(kPeru);
  world_.request(kPeru);
  run();
  for (const char* stream : {kConfirmationsStream, kDeadLettersStream}) {
    const auto said = broker_.message(stream, 1).value();
    EXPECT_EQ(find_header(said.headers, kLogHeader), world_.log.identity().source()) << stream;
  }
}

TEST_F(ProcessorTest, WhileItPausesItTakesNoPart) {
  for (const int members : {1, 0, 1}) {
    members == 0 ? processor_->pause() : run(1);
    EXPECT_EQ(broker_.members(kEventsStream, "processor-PE"), members);
    EXPECT_EQ(broker_.members(kRedeliverStream, "redeliver-PE"), members);
  }
}

TEST_F(ProcessorTest, RefusesByTheRules) {
  rules_.refused = {1};
  const auto mine = world_.request(kPeru);
  run();
  ASSERT_EQ(confirmations().size(), 1U);
  EXPECT_EQ(std::get<ReasonCode>(confirmations()[0].outcome).text(), "center_closed");
  EXPECT_EQ(state(mine), EntryState::kRefused);
}

TEST_F(ProcessorTest, ACancellationLeavesATombstoneThatARedeliveredRequestCannotOverwrite) {
  const auto mine = world_.request(kPeru);
  world_.cancel(mine);
  run();
  EXPECT_EQ(state(mine), EntryState::kWithdrawn);
  const std::size_t before = confirmations().size();

  const auto request = read_one(world_.log, Position{1}).value();
  redeliver("late/1", request.bytes, {{kSourceHeader, world_.log.identity().source()}});
  run();
  EXPECT_EQ(state(mine), EntryState::kWithdrawn);
  EXPECT_EQ(confirmations().size(), before);
  EXPECT_EQ(bus_.consumer_info(kRedeliverStream, "redeliver-PE")->ack_pending, 0U);
}

TEST_F(ProcessorTest, ARequestSeenTwiceIsRegisteredOnceAndAnsweredTheSame) {
  world_.request(kPeru);
  run();
  // Beyond the window in which the bus itself drops duplicates.
  world_.clock.advance(std::chrono::minutes{3});
  const auto request = read_one(world_.log, Position{1}).value();
  redeliver("again/1", request.bytes, {{kSourceHeader, world_.log.identity().source()}});
  run();
  ASSERT_EQ(confirmations().size(), 2U);
  EXPECT_EQ(confirmations()[0], confirmations()[1]);
  EXPECT_EQ(rules_.asked[1], 1);
}

TEST_F(ProcessorTest, DyingBeforeTheCommitOrAfterItChangesNothingInTheEnd) {
  for (const auto how : {CrashingStore::Crash::kBeforeCommit, CrashingStore::Crash::kAfterCommit}) {
    const auto first = world_.request(kPeru);
    const auto second = world_.request(kPeru);
    crash(how);
    run();
    EXPECT_EQ(state(first), EntryState::kRegistered);
    EXPECT_EQ(state(second), EntryState::kRegistered);
    EXPECT_TRUE(all_acknowledged());
  }
  EXPECT_EQ(confirmations().size(), 4U);
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(ProcessorTest, NothingIsAcknowledgedBeforeTheConfirmationIs) {
  world_.request(kPeru);
  broker_.lose_acks(true);
  while (relay_->step().value()) {
  }
  broker_.lose_acks(false);
  run(2);
  world_.request(kPeru);
  while (relay_->step().value()) {
  }
  broker_.lose_acks(true);
  ASSERT_TRUE(processor_->step());
  ASSERT_TRUE(processor_->step());
  EXPECT_FALSE(all_acknowledged());
  EXPECT_EQ(processor_->counters().retries.value(), 1U);
  broker_.lose_acks(false);
  run();
  EXPECT_TRUE(all_acknowledged());
  EXPECT_EQ(confirmations().size(), 2U);
}

TEST_F(ProcessorTest, AFailingMessageIsRetriedWithBackoffThenADeadLetter) {
  rules_.failing = {2};
  const auto before = world_.request(kPeru);
  const auto poisonous = world_.request(kPeru);
  const auto after = world_.request(kPeru);
  run();

  EXPECT_EQ(rules_.asked[2], 3);
  ASSERT_EQ(dead_letters().size(), 1U);
  const DeadLetterRecorded letter = dead_letters()[0];
  EXPECT_EQ(letter.consumer, "processor-PE");
  EXPECT_EQ(letter.appointment, poisonous);
  EXPECT_EQ(letter.reason.text(), "processing_failed");
  EXPECT_EQ(letter.attempts, 3U);
  EXPECT_EQ(letter.message_id, world_.events().at(1).id.value().to_string());
  EXPECT_EQ(state(before), EntryState::kRegistered);
  EXPECT_EQ(state(after), EntryState::kRegistered);
  EXPECT_EQ(confirmations().size(), 2U);
  EXPECT_TRUE(all_acknowledged());
  const ConsumerCounters& counters = processor_->counters();
  EXPECT_EQ(counters.deliveries.value(), 5U);
  EXPECT_EQ(counters.redeliveries.value(), 2U);
  EXPECT_EQ(counters.retries.value(), 2U);
  EXPECT_EQ(counters.completed.value(), 2U);
  EXPECT_EQ(counters.dead_letters.value(), 1U);
}

TEST_F(ProcessorTest, PausesDoubleUpToTheLongest) {
  const ProcessorOptions options{.max_tries = 7, .longest_backoff = std::chrono::seconds{1}};
  processor_ =
      std::move(*CountryProcessor::open(kPeru, bus_, rules_, world_.codec, world_.clock, options));
  processor_->begin(store_);
  rules_.failing = {1};
  world_.request(kPeru);
  run_at_once();
  std::vector<milliseconds> pauses;
  milliseconds pause{0};
  while (dead_letters().empty()) {
    const int before = rules_.asked[1];
    world_.clock.advance(milliseconds{50});
    pause += milliseconds{50};
    run_at_once();
    if (rules_.asked[1] > before) pauses.push_back(std::exchange(pause, {}));
  }
  const std::vector<milliseconds> expected{milliseconds{200},   milliseconds{400},
                                           milliseconds{800},   milliseconds{1'000},
                                           milliseconds{1'000}, milliseconds{1'000}};
  EXPECT_EQ(pauses, expected);
}

// Should it take the process with it, theirs are on the bus.
TEST_F(ProcessorTest, WhatHasFailedIsTriedWhenWhatWasPublishedBeforeIsOnTheBus) {
  rules_.failing = {1};
  world_.request(kPeru);
  run(1);
  ASSERT_EQ(rules_.asked[1], 1);
  for (int tried = 1; tried <= 2; ++tried) {
    world_.request(kPeru);
    while (relay_->step().value()) {
    }
    ASSERT_TRUE(processor_->step());
    EXPECT_EQ(rules_.asked[2 * tried], 1) << "its neighbour";
    EXPECT_EQ(rules_.asked[1], tried);
    world_.request(kPeru);
    while (relay_->step().value()) {
    }
    ASSERT_TRUE(processor_->step());
    EXPECT_EQ(rules_.asked[1], tried + 1) << "whatever is published since";
    world_.clock.advance(milliseconds{500});
  }
}

TEST_F(ProcessorTest, AnswersCarryTheTraceOfTheirRequest) {
  world_.request(kPeru);
  run();
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  std::string traced = read_one(world_.log, Position{1})->bytes;
  traced.insert(traced.find(R"("data":)"), R"("traceparent":")" + trace + R"(",)");
  redeliver("traced/1", traced, {{kSourceHeader, world_.log.identity().source()}});
  world_.clock.advance(std::chrono::minutes{3});  // beyond what the bus takes for a duplicate
  run();
  const auto header_of = [&](std::uint64_t answer) {
    const auto message = broker_.message(kConfirmationsStream, answer).value();
    return std::string(find_header(message.headers, kTraceparentHeader).value_or("none"));
  };
  EXPECT_EQ(header_of(1), "none");
  EXPECT_EQ(header_of(2), trace);
}

TEST_F(ProcessorTest, AFailureThatPassesLeavesNoTrace) {
  rules_.failing = {1};
  const auto mine = world_.request(kPeru);
  run(1);
  EXPECT_EQ(rules_.asked[1], 1);
  rules_.failing.clear();
  run();
  EXPECT_EQ(state(mine), EntryState::kRegistered);
  EXPECT_TRUE(dead_letters().empty());
  EXPECT_EQ(store_.tries(world_.events().at(0).id.value().to_string()).value(), std::nullopt);
}

TEST_F(ProcessorTest, AGivenUpMessageIsNotTriedAgainWhenItComesAgain) {
  rules_.failing = {1};
  world_.request(kPeru);
  run();
  ASSERT_EQ(rules_.asked[1], 3);
  world_.clock.advance(std::chrono::minutes{3});
  const auto request = read_one(world_.log, Position{1}).value();
  redeliver(world_.events().at(0).id.value().to_string() + "/4", request.bytes,
            {{kSourceHeader, world_.log.identity().source()}});
  run();
  EXPECT_EQ(rules_.asked[1], 3);
  EXPECT_EQ(dead_letters().size(), 2U);
}

// However often one request was sent, it is one letter; each retry has tries of its own.
TEST_F(ProcessorTest, ARetriedMessageGetsANewSetOfTries) {
  rules_.failing = {1};
  world_.request(kPeru);
  run();
  ASSERT_EQ(rules_.asked[1], 3);
  const auto request = read_one(world_.log, Position{1}).value();
  const std::string event = world_.events().at(0).id.value().to_string();
  const auto send = [&](const std::string& id) {
    redeliver(event + id, request.bytes, {{kSourceHeader, world_.log.identity().source()}});
    run();
  };
  send("/r7/1");
  EXPECT_EQ(rules_.asked[1], 6);
  send("/r7/2");
  EXPECT_EQ(rules_.asked[1], 6) << "the same retry, sent again";
  const auto last = bus_.stream_info(kDeadLettersStream)->last_sequence;
  const auto letter = parse_dead_letter(broker_.message(kDeadLettersStream, last)->payload).value();
  EXPECT_EQ(letter.letter.message_id, event);
  EXPECT_EQ(letter.retry, Position{7});
  rules_.failing.clear();
  for (const char* given_up : {"", "/r7"}) {
    EXPECT_EQ(store_.tries(event + given_up).value(), 3U) << "so that no copy is tried again";
  }
  send("/r8/1");
  EXPECT_EQ(confirmations().size(), 1U);
  for (const char* forgotten : {"", "/r7", "/r8"}) {
    EXPECT_EQ(store_.tries(event + forgotten).value(), std::nullopt) << forgotten;
  }
}

// A message that kills the process: its group is tried once, then each of it alone. What dies is
// the commit here, and so whoever the group was up to is its last.
TEST_F(ProcessorTest, APoisonousMessageNeverChargesItsNeighbours) {
  for (int i = 0; i < 2; ++i) world_.request(kPeru);
  store_.only = world_.request(kPeru);
  while (relay_->step().value()) {
  }
  const auto key = [&](std::size_t i) { return world_.events().at(i).id.value().to_string(); };
  crash(CrashingStore::Crash::kBeforeCommit);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(store_.tries(key(i)).value(), 0U) << i;
  EXPECT_EQ(store_.begun_try(), key(2));

  // It dies alone now, again and again, when the others are done.
  for (std::uint32_t died = 2; died <= 3; ++died) {
    crash(CrashingStore::Crash::kBeforeCommit);
    EXPECT_EQ(store_.tries(key(0)).value(), std::nullopt);
    EXPECT_EQ(store_.tries(key(1)).value(), std::nullopt);
    EXPECT_EQ(store_.tries(key(2)).value(), died);
    EXPECT_EQ(confirmations().size(), 2U);
  }
  run();
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(dead_letters()[0].message_id, key(2));
  EXPECT_EQ(dead_letters()[0].attempts, 3U);
  EXPECT_EQ(confirmations().size(), 2U);
  EXPECT_TRUE(all_acknowledged());
}

// The same in the middle of its group, where nothing but what was noted before tells who it was,
// and who had failed before it.
TEST_F(ProcessorTest, WhatDiesInTheMiddleOfAGroupIsKnown) {
  for (int i = 0; i < 5; ++i) world_.request(kPeru);
  while (relay_->step().value()) {
  }
  rules_.failing = {1};
  rules_.deadly = 3;
  EXPECT_THROW(run(), Died);
  rules_.failing.clear();
  rules_.deadly.reset();
  start();
  broker_.set_up(false);
  ASSERT_TRUE(processor_->step());
  broker_.set_up(true);
  for (std::size_t i = 0; i < 5; ++i) {
    const std::string key = world_.events().at(i).id.value().to_string();
    EXPECT_EQ(store_.tries(key).value(), i == 2 || i == 0 ? 1U : 0U) << i;
  }
  run();
  EXPECT_EQ(confirmations().size(), 5U);
  EXPECT_EQ(store_.begun_try(), "");
}

TEST_F(ProcessorTest, BytesThatAreNoEventAreADeadLetterAtOnce) {
  run(1);
  redeliver("rubbish", "{\"specversion\":");
  redeliver("", std::string("\xFF\x00\x01", 3));
  run();
  ASSERT_EQ(dead_letters().size(), 2U);
  EXPECT_EQ(dead_letters()[0].message_id, "rubbish");
  EXPECT_EQ(dead_letters()[0].reason.text(), "malformed_message");
  EXPECT_EQ(dead_letters()[1].message_id, "citas.redeliver.PE#2");
  EXPECT_EQ(bus_.consumer_info(kRedeliverStream, "redeliver-PE")->ack_pending, 0U);
}

// A worker that has not been updated yet.
TEST_F(ProcessorTest, WhatALaterVersionPublishesWaitsForALaterVersion) {
  const auto publish = [&](const std::string& name, const std::string& version) {
    auto publisher = std::move(*bus_.open_publisher({}));
    const auto end = std::to_string(bus_.stream_info(kEventsStream)->last_sequence + 1);
    std::string event(read_one(world_.log, Position{1})->bytes);
    const std::string known = "citas.appointment.requested.v1";
    event.replace(event.find(known), known.size(), "citas.appointment." + name + version);
    ASSERT_TRUE(publisher->publish(1, {.subject = "citas.events.PE.appointment." + name,
                                       .message_id = "later-" + name,
                                       .headers = std::vector<Header>{{kPositionHeader, end}},
                                       .payload = event,
                                       .expected_last_sequence = {}}));
  };
  world_.request(kPeru);
  run();
  publish("arrived", ".v1");
  publish("requested", ".v2");
  for (int i = 0; i < 400; ++i) {
    while (processor_->step().value()) {
    }
    world_.clock.advance(std::chrono::milliseconds{500});
  }
  EXPECT_TRUE(dead_letters().empty());
  EXPECT_EQ(store_.mark().processed, 2U) << "of no concern, but in front of what waits";
  EXPECT_EQ(store_.tries("later-requested").value(), std::nullopt);
  EXPECT_THAT(processor_->trouble(), ::testing::HasSubstr("later version"));
}

TEST_F(ProcessorTest, AnotherCountrysMessageIsLeftToIt) {
  world_.request(kPeru);
  world_.request(kChile);
  run();
  redeliver("ours", read_one(world_.log, Position{1})->bytes);
  // Delivered, and lost with its process.
  auto source = std::move(*bus_.open_source(redeliver_consumer(kPeru), {}));
  std::vector<Message> lost;
  source->poll(1, lost);
  ASSERT_EQ(lost.size(), 1U);
  // The stream loses it, and another country's message comes to lie in its place.
  broker_.roll_back(kRedeliverStream, 0);
  auto publisher = std::move(*bus_.open_publisher({}));
  ASSERT_TRUE(publisher->publish(2, {.subject = "citas.redeliver.CL",
                                     .message_id = "theirs",
                                     .headers = {},
                                     .payload = read_one(world_.log, Position{2})->bytes,
                                     .expected_last_sequence = {}}));
  run();
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(ProcessorTest, AnotherCountrysEventIsADeadLetter) {
  world_.request(kChile);
  run(1);
  redeliver("chile", read_one(world_.log, Position{1})->bytes);
  run();
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(dead_letters()[0].reason.text(), "country_mismatch");
  EXPECT_EQ(dead_letters()[0].country, kPeru);
}

}  // namespace
}  // namespace citas::workers

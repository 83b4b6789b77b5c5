// Given a country's store and what comes on the bus, when its processor has run, then what is
// stored, answered, acknowledged and given up.
#include "workers/country_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/workers/log_world.h"
#include "workers/dead_letter.h"
#include "workers/event_message.h"
#include "workers/memory/memory_bus.h"
#include "workers/memory/memory_country_store.h"
#include "workers/relay.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

// Fails for chosen schedules; counts what it was asked.
class TestRules final : public CountryRules {
 public:
  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override {
    const std::int64_t schedule = request.ref.slot.schedule.value();
    ++asked[schedule];
    if (failing.contains(schedule)) return failure(ErrorCode::kUnavailable, "no answer");
    if (refused.contains(schedule)) return ReasonCode::parse("center_closed");
    return std::optional<ReasonCode>{};
  }

  std::set<std::int64_t> failing;
  std::set<std::int64_t> refused;
  mutable std::map<std::int64_t, int> asked;
};

// A store on which the process dies: before a commit, or right after it, or after being emptied.
class CrashingStore final : public CountryStore {
 public:
  enum class Crash { kNever, kBeforeCommit, kAfterCommit, kAfterReset };
  struct Died {};

  explicit CrashingStore(CountryStore& inner) : inner_(inner) {}
  CountryMark mark() const override { return inner_.mark(); }
  Result<std::optional<CountryEntry>> find(AppointmentId id) const override {
    return inner_.find(id);
  }
  Result<std::optional<std::uint32_t>> tries(std::string_view message) const override {
    return inner_.tries(message);
  }
  Status note_tries(std::span<const Tries> tries) override { return inner_.note_tries(tries); }
  Status commit(const CountryChanges& changes) override {
    const bool spared = only && std::ranges::none_of(changes.entries, [&](const auto& entry) {
                          return entry.appointment == *only;
                        });
    if (crash == Crash::kBeforeCommit && !spared) throw Died{};
    auto committed = inner_.commit(changes);
    if (crash == Crash::kAfterCommit) throw Died{};
    return committed;
  }
  Status reset(std::string_view log_source) override {
    auto emptied = inner_.reset(log_source);
    if (crash == Crash::kAfterReset) throw Died{};
    return emptied;
  }

  Crash crash = Crash::kNever;
  std::optional<AppointmentId> only;  // it dies before the commits of this appointment

 private:
  CountryStore& inner_;
};

class ProcessorTest : public testing::Test {
 protected:
  ProcessorTest() { start(); }

  void start() {
    processor_ = std::move(*CountryProcessor::open(kPeru, bus_, store_, rules_, world_.codec,
                                                   world_.clock, {.max_tries = 3}));
  }
  void run(int ticks = 60) {
    for (int i = 0; i < ticks; ++i) {
      while (relay_->step().value()) {
      }
      while (processor_->step().value()) {
      }
      world_.clock.advance(milliseconds{500});
    }
  }
  // Everything that can be done without waiting.
  void run_at_once() {
    while (relay_->step().value() || processor_->step().value()) {
    }
  }
  // The process dies within a step, and a new one is started on the same store and bus.
  void crash(CrashingStore::Crash how) {
    store_.crash = how;
    EXPECT_THROW(run_at_once(), CrashingStore::Died);
    store_.crash = CrashingStore::Crash::kNever;
    start();
  }

  std::vector<Confirmation> confirmations() {
    std::vector<Confirmation> all;
    for (std::uint64_t i = 1; i <= bus_.stream_info(kConfirmationsStream)->last_sequence; ++i) {
      const auto message = broker_.message(kConfirmationsStream, i).value();
      all.push_back(parse_confirmation(message.payload).value());
    }
    return all;
  }
  std::vector<DeadLetterRecorded> dead_letters() {
    std::vector<DeadLetterRecorded> all;
    for (std::uint64_t i = 1; i <= bus_.stream_info(kDeadLettersStream)->last_sequence; ++i) {
      const auto message = broker_.message(kDeadLettersStream, i).value();
      all.push_back(parse_dead_letter(message.payload).value().letter);
    }
    return all;
  }
  bool all_acknowledged() {
    const auto info = bus_.consumer_info(kEventsStream, "processor-PE");
    return info && info->ack_pending == 0 && info->pending == 0;
  }
  EntryState state(AppointmentId appointment) const {
    return store_.find(appointment).value().value().state;
  }
  // Publishes something to the country's redeliver subject.
  void redeliver(const std::string& id, const std::string& payload, Headers headers = {}) {
    auto publisher = std::move(*bus_.open_publisher({}));
    ASSERT_TRUE(publisher->publish(1, {.subject = "citas.redeliver.PE",
                                       .message_id = id,
                                       .headers = headers,
                                       .payload = payload,
                                       .expected_last_sequence = {}}));
  }

  LogWorld world_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  MemoryCountryStore inner_store_;
  CrashingStore store_{inner_store_};
  TestRules rules_;
  std::unique_ptr<Relay> relay_ = std::move(*Relay::open(world_.log, bus_, world_.clock, {}));
  std::unique_ptr<CountryProcessor> processor_;
};

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
  send("/r8/1");
  EXPECT_EQ(confirmations().size(), 1U);
}

// A message that kills the process: its group is tried once, then each of it alone.
TEST_F(ProcessorTest, APoisonousMessageNeverChargesItsNeighbours) {
  store_.only = world_.request(kPeru);
  for (int i = 0; i < 2; ++i) world_.request(kPeru);
  while (relay_->step().value()) {
  }
  const auto key = [&](std::size_t i) { return world_.events().at(i).id.value().to_string(); };
  crash(CrashingStore::Crash::kBeforeCommit);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(store_.tries(key(i)).value(), 0U) << i;

  // It dies alone now, again and again, the others only once more.
  for (std::uint32_t died = 1; died <= 3; ++died) {
    crash(CrashingStore::Crash::kBeforeCommit);
    EXPECT_EQ(store_.tries(key(0)).value(), died);
    const auto of_others = died == 1 ? std::optional(0U) : std::nullopt;
    EXPECT_EQ(store_.tries(key(1)).value(), of_others);
    EXPECT_EQ(store_.tries(key(2)).value(), of_others);
    EXPECT_EQ(confirmations().size(), died == 1 ? 0U : 2U);
  }
  run();
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(dead_letters()[0].message_id, key(0));
  EXPECT_EQ(confirmations().size(), 2U);
  EXPECT_TRUE(all_acknowledged());
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

TEST_F(ProcessorTest, AnotherCountrysEventIsADeadLetter) {
  world_.request(kChile);
  run(1);
  redeliver("chile", read_one(world_.log, Position{1})->bytes);
  run();
  ASSERT_EQ(dead_letters().size(), 1U);
  EXPECT_EQ(dead_letters()[0].reason.text(), "country_mismatch");
  EXPECT_EQ(dead_letters()[0].country, kPeru);
}

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
  crash(CrashingStore::Crash::kBeforeCommit);
  crash(CrashingStore::Crash::kBeforeCommit);  // the first of them, alone
  while (confirmations().size() < 2) ASSERT_TRUE(processor_->step());
  EXPECT_EQ(state(*appointment_of(world_.events()[1].data)), EntryState::kRegistered);
  EXPECT_EQ(state(*appointment_of(world_.events()[2].data)), EntryState::kRegistered);
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

TEST_F(RestoredLogTest, AStoreThatIsAheadShowsItselfWhenTheLogGetsThere) {
  const auto lost = world_.request(kPeru);
  world_.request(kPeru);
  run();
  copy_.request(kChile);
  restore_and_request(0);
  run();
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

}  // namespace
}  // namespace citas::workers

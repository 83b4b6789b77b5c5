// The whole fan-out on one thread and one seed: whatever dies and whatever is lost, every
// appointment is settled in the end, once.
#include "tests/unit/workers/fan_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "workers/memory/memory_bus.h"
#include "workers/memory/memory_country_store.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class FanOutTest : public testing::Test {
 protected:
  FanOutTest() { start(); }

  void start() {
    fan_out_.reset();
    fan_out_ = std::make_unique<FanOut>(world_, bus_, world_.clock, wakeup_,
                                        std::map<CountryCode, Country>{
                                            {kPeru, {&peru_, &peru_rules_}},
                                            {kChile, {&chile_, &chile_rules_}},
                                        });
  }
  void run(std::chrono::seconds time = std::chrono::seconds{40}) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds{500}) {
      while (fan_out_->step()) {
      }
      world_.clock.advance(milliseconds{500});
    }
  }

  LogWorld world_;
  Wakeup wakeup_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  MemoryCountryStore peru_;
  MemoryCountryStore chile_;
  ConfiguredRules peru_rules_;
  ConfiguredRules chile_rules_{{ConfiguredRules::Field::kCenter}, {}};
  std::unique_ptr<FanOut> fan_out_;
};

TEST_F(FanOutTest, FromRequestToConfirmedOrRejected) {
  const auto in_peru = world_.request(kPeru);
  const auto in_chile = world_.request(kChile);
  run(std::chrono::seconds{5});
  EXPECT_THAT(world_.history(in_peru),
              ElementsAre("appointment.requested", "appointment.confirmed"));
  EXPECT_THAT(world_.history(in_chile),
              ElementsAre("appointment.requested", "appointment.rejected"));
}

TEST_F(FanOutTest, ACancellationThatOvertakesItsConfirmationStands) {
  const auto appointment = world_.request(kPeru);
  // Relay and processor have done their part, the confirmation is on the bus.
  while (fan_out_->step_piece(0)) {
  }
  for (int i = 0; i < 5; ++i) fan_out_->step_piece(1);
  world_.cancel(appointment);
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.cancelled"));
  EXPECT_EQ(peru_.find(appointment).value()->state, EntryState::kWithdrawn);
}

TEST_F(FanOutTest, AThirdCountryIsConfigurationAlone) {
  MemoryCountryStore ecuador;
  const ConfiguredRules rules;
  fan_out_.reset();
  fan_out_ =
      std::make_unique<FanOut>(world_, bus_, world_.clock, wakeup_,
                               std::map<CountryCode, Country>{{kEcuador, {&ecuador, &rules}}});
  const auto appointment = world_.request(kEcuador);
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.confirmed"));
}

// Fails for one schedule until it is repaired.
class BrokenRules final : public CountryRules {
 public:
  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override {
    if (request.ref.slot.schedule.value() != schedule) return std::optional<ReasonCode>{};
    return failure(ErrorCode::kUnavailable, "broken");
  }
  std::int64_t schedule = 1;
};

class DeadLettersTest : public FanOutTest {
 protected:
  DeadLettersTest() {
    fan_out_.reset();
    fan_out_ = std::make_unique<FanOut>(world_, bus_, world_.clock, wakeup_,
                                        std::map<CountryCode, Country>{{kPeru, {&peru_, &rules_}}});
  }
  BrokenRules rules_;
};

TEST_F(DeadLettersTest, ARetryAfterTheRepairCompletesIt) {
  const auto poisonous = world_.request(kPeru);
  const auto neighbour = world_.request(kPeru);
  run(std::chrono::minutes{4});
  EXPECT_THAT(world_.history(poisonous),
              ElementsAre("appointment.requested", "deadletter.recorded"));
  EXPECT_THAT(world_.history(neighbour),
              ElementsAre("appointment.requested", "appointment.confirmed"));
  rules_.schedule = 0;
  run(std::chrono::minutes{4});
  EXPECT_EQ(world_.history(poisonous).size(), 2U) << "nobody has asked for it";
  ASSERT_TRUE(world_.retry());
  run(std::chrono::seconds{3});
  EXPECT_THAT(world_.history(poisonous),
              ElementsAre("appointment.requested", "deadletter.recorded", "deadletter.retried",
                          "appointment.confirmed"));
}

TEST_F(DeadLettersTest, ARetryBeforeTheRepairDiesAgainOnce) {
  const auto poisonous = world_.request(kPeru);
  run(std::chrono::minutes{1});
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(world_.retry());
    run(std::chrono::minutes{4});
  }
  EXPECT_THAT(world_.history(poisonous),
              ElementsAre("appointment.requested", "deadletter.recorded", "deadletter.retried",
                          "deadletter.recorded", "deadletter.retried", "deadletter.recorded"));
  EXPECT_EQ(bus_.consumer_info(kDeadLettersStream, "dead-letters")->ack_pending, 0U);
}

TEST_F(DeadLettersTest, ADiscardEndsTheAppointmentAndTheCountryForgetsIt) {
  const auto poisonous = world_.request(kPeru);
  run(std::chrono::minutes{1});
  ASSERT_TRUE(world_.discard());
  rules_.schedule = 0;
  run(std::chrono::minutes{4});
  EXPECT_THAT(world_.history(poisonous),
              ElementsAre("appointment.requested", "deadletter.recorded", "appointment.rejected",
                          "deadletter.discarded"));
  EXPECT_EQ(peru_.find(poisonous)->value().state, EntryState::kWithdrawn);
}

// Letters of a lost bus come again: the country gives up at once what it has given up before.
TEST_F(DeadLettersTest, AWipedBusRecordsNothingTwice) {
  const auto poisonous = world_.request(kPeru);
  run(std::chrono::minutes{1});
  for (const StreamSpec& spec : stream_specs()) ASSERT_TRUE(bus_.delete_stream(spec.name));
  run(std::chrono::minutes{4});
  EXPECT_EQ(world_.history(poisonous).size(), 2U);
}

TEST_F(FanOutTest, ACountryWithoutProcessorWaitsForOne) {
  const auto appointment = world_.request(kEcuador);
  run(std::chrono::seconds{100});
  EXPECT_THAT(world_.history(appointment), ElementsAre("appointment.requested"));
}

TEST_F(FanOutTest, WhateverTheBusForgetsTheReconcilerHeals) {
  const auto appointment = world_.request(kPeru);
  while (fan_out_->step_piece(0)) {
  }
  for (int i = 0; i < 5; ++i) fan_out_->step_piece(1);
  // The confirmation, and only it, is lost.
  broker_.delete_stream(kConfirmationsStream);
  ASSERT_TRUE(ensure_streams(bus_));
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.confirmed"));
}

// Dies before every single step of every piece, in turn, and is started again.
TEST_F(FanOutTest, DyingBetweenAnyTwoStepsLosesAndDoublesNothing) {
  std::vector<AppointmentId> all;
  for (std::size_t at = 0; at < 40; ++at) {
    all.push_back(world_.request(at % 2 == 0 ? kPeru : kChile, {.center = 1}));
    for (std::size_t step = 0; step < at; ++step) {
      fan_out_->step_piece(step % fan_out_->pieces());
      if (step % 7 == 0) world_.clock.advance(milliseconds{300});
    }
    start();
  }
  run(std::chrono::seconds{80});
  for (const AppointmentId appointment : all) {
    EXPECT_THAT(world_.history(appointment),
                ElementsAre("appointment.requested", "appointment.confirmed"));
  }
}

// Random faults from a seed; the outcome does not depend on them.
TEST_F(FanOutTest, UnderRandomFaultsEveryAppointmentIsSettledOnce) {
  std::mt19937 random(20'260'101);
  std::vector<AppointmentId> all;
  for (int round = 0; round < 400; ++round) {
    switch (random() % 12) {
      case 0:
        broker_.set_up(false);
        break;
      case 1:
        broker_.lose_acks(true);
        break;
      case 2:
        broker_.wipe();
        break;
      case 3:
        broker_.roll_back(kEventsStream, random() % (all.size() + 1));
        break;
      case 4:
        peru_ = MemoryCountryStore{};
        start();
        break;
      case 5:
        start();
        break;
      default:
        all.push_back(world_.request(random() % 2 == 0 ? kPeru : kChile, {.center = 1}));
    }
    for (unsigned i = 0; i < random() % 30; ++i) {
      fan_out_->step_piece(random() % fan_out_->pieces());
      world_.clock.advance(milliseconds{random() % 400});
    }
    broker_.set_up(true);
    broker_.lose_acks(false);
  }
  run(std::chrono::seconds{200});
  for (const AppointmentId appointment : all) {
    ASSERT_THAT(world_.history(appointment),
                ElementsAre("appointment.requested", "appointment.confirmed"));
  }
}

}  // namespace
}  // namespace citas::workers

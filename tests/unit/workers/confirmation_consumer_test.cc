#include "workers/confirmation_consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"
#include "workers/confirmation.h"
#include "workers/dead_letter.h"
#include "workers/memory/memory_bus.h"
#include "workers/registration.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

using testing::ElementsAre;

class ConfirmationConsumerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ensure_streams(bus_));
    start();
  }
  void start() {
    consumer_ =
        std::move(*ConfirmationConsumer::open(bus_, world_.sequencer, world_.clock, wakeup_));
  }
  void run() {
    for (int i = 0; i < 60; ++i) {
      while (consumer_->step().value() || world_.sequencer.stats().queue_depth > 0) {
        world_.step_sequencer();
      }
      world_.clock.advance(std::chrono::milliseconds{500});
    }
  }
  void publish(const std::string& subject, const std::string& payload, Headers headers = {},
               const std::string& id = "") {
    auto publisher = std::move(*bus_.open_publisher({}));
    ASSERT_TRUE(publisher->publish(1, {.subject = subject,
                                       .message_id = id,
                                       .headers = headers,
                                       .payload = payload,
                                       .expected_last_sequence = {}}));
  }
  Confirmation confirmed(AppointmentId appointment, CountryCode country = kPeru) {
    return {appointment, EventId{appointment.value()}, country,
            registration_of(country, appointment)};
  }
  Confirmation refused(AppointmentId appointment) {
    return {appointment, EventId{appointment.value()}, kPeru, *ReasonCode::parse("center_closed")};
  }
  std::vector<std::string> dead_reasons() {
    std::vector<std::string> reasons;
    for (std::uint64_t i = 1; i <= bus_.stream_info(kDeadLettersStream)->last_sequence; ++i) {
      const auto message = broker_.message(kDeadLettersStream, i).value();
      reasons.push_back(parse_dead_letter(message.payload)->letter.reason.text());
    }
    return reasons;
  }
  std::uint64_t ack_pending() {
    return bus_.consumer_info(kConfirmationsStream, "confirmations")->ack_pending;
  }

  LogWorld world_;
  Wakeup wakeup_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  std::unique_ptr<ConfirmationConsumer> consumer_;
};

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_F(ConfirmationConsumerTest, AConfirmationBecomesAnEvent) {
  const auto appointment = world_.request(kPeru);
  publish("citas.confirmations.PE", encode(confirmed(appointment)), {{kTraceparentHeader, kTrace}});
  run();
  const Event event = world_.events().back();
  ASSERT_TRUE(std::holds_alternative<AppointmentConfirmed>(event.data));
  EXPECT_EQ(std::get<AppointmentConfirmed>(event.data).registration,
            registration_of(kPeru, appointment));
  EXPECT_EQ(event.causation, EventId{appointment.value()});
  EXPECT_EQ(event.traceparent, kTrace);
  EXPECT_EQ(event.actor, "worker:confirmations");
  EXPECT_EQ(ack_pending(), 0U);
}

TEST_F(ConfirmationConsumerTest, WhatAnswersAnotherLogIsLeftToItsServer) {
  const auto appointment = world_.request(kPeru);
  const std::string others = LogWorld(2).log.identity().source();
  publish("citas.confirmations.PE", encode(confirmed(appointment)), {{kLogHeader, others}});
  publish("citas.confirmations.PE", encode(confirmed(AppointmentId{world_.ids.next()})),
          {{kLogHeader, others}});
  publish("citas.confirmations.PE", "{}", {{kLogHeader, others}});
  run();
  EXPECT_THAT(world_.history(appointment), ElementsAre("appointment.requested"));
  EXPECT_TRUE(dead_reasons().empty());
  EXPECT_EQ(ack_pending(), 3U);
}

TEST_F(ConfirmationConsumerTest, WhatAnswersThisLogIsTaken) {
  const auto appointment = world_.request(kPeru);
  const Headers ours{{kLogHeader, world_.log.identity().source()}};
  publish("citas.confirmations.PE", encode(confirmed(appointment)), ours);
  publish("citas.confirmations.PE", "{}", ours);
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.confirmed"));
  ASSERT_THAT(dead_reasons(), ElementsAre("malformed_message"));
  EXPECT_EQ(find_header(broker_.message(kDeadLettersStream, 1)->headers, kLogHeader),
            world_.log.identity().source());
}

TEST_F(ConfirmationConsumerTest, WhileItPausesItTakesNoPart) {
  for (const int members : {1, 0, 1}) {
    members == 0 ? consumer_->pause() : run();
    EXPECT_EQ(broker_.members(kConfirmationsStream, "confirmations"), members);
  }
}

TEST_F(ConfirmationConsumerTest, ARefusalBecomesARejection) {
  const auto appointment = world_.request(kPeru);
  publish("citas.confirmations.PE", encode(refused(appointment)));
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.rejected"));
}

TEST_F(ConfirmationConsumerTest, AnInvalidTraceIsNotCarriedOn) {
  const auto appointment = world_.request(kPeru);
  publish("citas.confirmations.PE", encode(confirmed(appointment)),
          {{kTraceparentHeader, "rubbish"}});
  run();
  EXPECT_EQ(world_.events().back().traceparent, "");
}

TEST_F(ConfirmationConsumerTest, DuplicatesAndContradictionsAppendNothing) {
  const auto appointment = world_.request(kPeru);
  publish("citas.confirmations.PE", encode(confirmed(appointment)));
  publish("citas.confirmations.PE", encode(confirmed(appointment)));
  publish("citas.confirmations.PE", encode(refused(appointment)));
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.confirmed"));
  EXPECT_EQ(ack_pending(), 0U);
}

TEST_F(ConfirmationConsumerTest, ACancellationThatCameFirstStands) {
  const auto appointment = world_.request(kPeru);
  world_.cancel(appointment);
  publish("citas.confirmations.PE", encode(confirmed(appointment)));
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.cancelled"));
  EXPECT_EQ(ack_pending(), 0U);
  EXPECT_TRUE(dead_reasons().empty());
}

TEST_F(ConfirmationConsumerTest, WhatCannotBeAConfirmationIsADeadLetter) {
  const auto appointment = world_.request(kPeru);
  publish("citas.confirmations.PE", "{}");
  publish("citas.confirmations.CL", encode(confirmed(appointment)));          // wrong subject
  publish("citas.confirmations.CL", encode(confirmed(appointment, kChile)));  // wrong country
  publish("citas.confirmations.PE", encode(confirmed(AppointmentId{world_.ids.next()})));
  publish("citas.confirmations.??", encode(confirmed(appointment)));
  run();
  EXPECT_THAT(dead_reasons(), testing::UnorderedElementsAre(
                                  "malformed_message", "country_mismatch", "country_mismatch",
                                  "appointment_not_found", "country_mismatch"));
  EXPECT_THAT(world_.history(appointment), ElementsAre("appointment.requested"));
  EXPECT_EQ(ack_pending(), 0U);
  EXPECT_EQ(consumer_->counters().dead_letters.value(), 5U);
  const auto first = parse_dead_letter(broker_.message(kDeadLettersStream, 1)->payload);
  EXPECT_EQ(first->retry, world_.log.committed()) << "so that a retry tells it from a later death";
}

TEST_F(ConfirmationConsumerTest, DyingWithCommandsInFlightLosesNothing) {
  const auto appointment = world_.request(kPeru);
  publish("citas.confirmations.PE", encode(confirmed(appointment)));
  ASSERT_TRUE(consumer_->step());
  ASSERT_GT(world_.sequencer.stats().queue_depth, 0U);
  start();
  world_.step_sequencer();
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.confirmed"));
  EXPECT_EQ(ack_pending(), 0U);
}

// Clients fill the sequencer's queue; confirmations wait their turn and are not delivered again.
TEST_F(ConfirmationConsumerTest, AFullSequencerMeansLater) {
  const auto appointment = world_.request(kPeru);
  while (world_.sequencer.submit(
      {.data = commands::CancelAppointment{AppointmentId{}, *InsuredId::parse("00009"), {}},
       .actor = "test"},
      [](const commands::Outcome&) {})) {
  }
  publish("citas.confirmations.PE", encode(confirmed(appointment)));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(consumer_->step());
  EXPECT_EQ(ack_pending(), 1U);
  run();
  EXPECT_THAT(world_.history(appointment),
              ElementsAre("appointment.requested", "appointment.confirmed"));
  EXPECT_EQ(consumer_->counters().deliveries.value(), 1U);
}

}  // namespace
}  // namespace citas::workers

#include "projections/pending/pending_appointments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

using citas::testing::at_ms;
using citas::testing::country;
using citas::testing::ReadModel;
using citas::testing::reason;
using citas::testing::ref;
using citas::testing::slot;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kFarAway = at_ms(4'000'000'000'000);

class PendingAppointmentsTest : public ::testing::Test {
 protected:
  // A request at a time of its own.
  AppointmentRef request(unsigned char id, std::int64_t ms, Slot at = slot("PE", 1)) {
    const AppointmentRef made = ref(id, "00001", at);
    Event event = model_.history.next_event(AppointmentRequested{made, {}});
    event.time = at_ms(ms);
    model_.history.append_event(event);
    return made;
  }
  std::vector<AppointmentId> pending(Timestamp before = kFarAway, std::size_t limit = 100) {
    model_.catch_up();
    std::vector<AppointmentId> ids;
    const auto found = query_.requested_before(before, std::nullopt, limit).value();
    for (const PendingAppointment& each : found) ids.push_back(each.appointment);
    return ids;
  }

  ReadModel model_;
  PendingQuery query_{model_.pending()};
};

TEST_F(PendingAppointmentsTest, TellsAllThatIsNeededToAskAgain) {
  const AppointmentRef made = request(1, 5'000, slot("CL", 9));
  model_.catch_up();
  EXPECT_THAT(query_.requested_before(kFarAway, std::nullopt, 10).value(),
              ElementsAre(PendingAppointment{.tenant = kDefaultTenant,
                                             .appointment = made.appointment,
                                             .country = country("CL"),
                                             .requested = Position{1},
                                             .requested_at = at_ms(5'000)}));
}

TEST_F(PendingAppointmentsTest, OldestComeFirstAndOnlyThoseBeforeTheTime) {
  request(1, 3'000);
  request(2, 1'000);
  request(3, 2'000);
  EXPECT_THAT(pending(), ElementsAre(ref(2).appointment, ref(3).appointment, ref(1).appointment));
  EXPECT_THAT(pending(at_ms(3'000)), ElementsAre(ref(2).appointment, ref(3).appointment));
  EXPECT_THAT(pending(kFarAway, 1), ElementsAre(ref(2).appointment));
  EXPECT_THAT(pending(at_ms(1'000)), IsEmpty());
}

TEST_F(PendingAppointmentsTest, PagesGoOnBehindTheLastSeen) {
  for (const auto& [id, ms] : {std::pair(1, 2'000), {2, 1'000}, {3, 1'000}, {4, 3'000}}) {
    request(static_cast<unsigned char>(id), ms);
  }
  model_.catch_up();
  std::vector<AppointmentId> seen;
  std::optional<PendingCursor> after;
  for (;;) {
    const auto page = query_.requested_before(kFarAway, after, 1).value();
    if (page.empty()) break;
    ASSERT_LT(seen.size(), 4u);
    seen.push_back(page.front().appointment);
    after = PendingCursor{page.front().requested_at, page.front().requested};
  }
  EXPECT_THAT(seen, ElementsAre(ref(2).appointment, ref(3).appointment, ref(1).appointment,
                                ref(4).appointment));
}

TEST_F(PendingAppointmentsTest, WhatIsAnsweredLeaves) {
  const AppointmentRef confirmed = request(1, 1);
  const AppointmentRef rejected = request(2, 2);
  const AppointmentRef cancelled = request(3, 3);
  const AppointmentRef dead = request(4, 4);
  const AppointmentRef waiting = request(5, 5);
  model_.history.confirm(confirmed);
  model_.history.reject(rejected);
  model_.history.cancel(cancelled);
  model_.history.dead_letter(dead.appointment);
  EXPECT_THAT(pending(), ElementsAre(waiting.appointment));
}

TEST_F(PendingAppointmentsTest, WhatIsRetriedIsAskedForAgainApartFromTheOthers) {
  const AppointmentRef dead = request(1, 5'000, slot("CL", 9));
  const AppointmentRef waiting = request(2, 6'000);
  const DeadLetterId letter = model_.history.dead_letter(dead.appointment);
  EXPECT_THAT(pending(), ElementsAre(waiting.appointment));
  Event retry =
      model_.history.next_event(DeadLetterRetried{letter, country("CL"), dead.appointment});
  retry.time = at_ms(70'000);
  model_.history.append_event(retry);
  EXPECT_THAT(pending(), ElementsAre(waiting.appointment));
  const PendingAppointment expected{.tenant = kDefaultTenant,
                                    .appointment = dead.appointment,
                                    .country = country("CL"),
                                    .requested = Position{1},
                                    .requested_at = at_ms(5'000),
                                    .retry = retry.position,
                                    .retried_at = at_ms(70'000)};
  EXPECT_THAT(query_.retried(Position{0}, 10).value(), ElementsAre(expected));
  EXPECT_THAT(query_.retried(retry.position, 10).value(), IsEmpty());
  // It dies again, and is retried once more.
  model_.history.dead_letter(dead.appointment);
  model_.catch_up();
  EXPECT_THAT(query_.retried(Position{0}, 10).value(), IsEmpty());
  model_.history.retry(letter, dead.appointment);
  model_.catch_up();
  ASSERT_EQ(query_.retried(Position{0}, 10)->size(), 1U);
  EXPECT_EQ(query_.retried(Position{0}, 10)->front().requested, Position{1});
  model_.history.confirm(dead);
  model_.history.confirm(waiting);
  model_.catch_up();
  EXPECT_THAT(citas::testing::entries_of(**model_.pending().store()), IsEmpty());
}

TEST_F(PendingAppointmentsTest, ALetterThatNobodyCouldRetryLeavesItsRequestPending) {
  const AppointmentRef made = request(1, 1);
  model_.history.append(DeadLetterRecorded{.message_id = "m1",
                                           .consumer = "processor-PE",
                                           .country = country("PE"),
                                           .reason = reason("poison"),
                                           .attempts = 5,
                                           .appointment = made.appointment,
                                           .payload_sha256 = "00"});
  EXPECT_THAT(pending(), ElementsAre(made.appointment));
}

TEST_F(PendingAppointmentsTest, LaterEventsOfWhatHasLeftChangeNothing) {
  const AppointmentRef made = request(1, 1);
  model_.history.confirm(made);
  model_.history.cancel(made);
  model_.history.dead_letter(made.appointment);
  model_.history.dead_letter(std::nullopt);
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(PendingAppointmentsTest, LeavesNothingBehindOnceAllIsSettled) {
  model_.history.confirm(request(1, 1));
  model_.history.reject(request(2, 2));
  model_.catch_up();
  EXPECT_THAT(citas::testing::entries_of(**model_.pending().store()), IsEmpty());
}

}  // namespace
}  // namespace citas::projections

// Booking decisions: given / when / then, one table for each command.
#include "commands/booking/booking.h"

#include <gtest/gtest.h>

#include "tests/support/events.h"

namespace citas::commands {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

const std::set<CountryCode> kServed{country("CL"), country("PE")};
const AppointmentId kNew{uuid(77)};

BookingContext context() { return {kNow, kNew, kServed}; }

// --- The vocabulary: events of appointment 1, held by insured 00001 on slot PE:100. ---

EventData requested(VisitDetails details = {}) { return AppointmentRequested{ref(1), details}; }
EventData confirmed() { return AppointmentConfirmed{ref(1), RegistrationId{uuid(9)}}; }
EventData rejected() { return AppointmentRejected{ref(1), reason("center_closed")}; }
EventData cancelled() { return AppointmentCancelled{ref(1), std::nullopt}; }

template <typename State>
State given(const std::vector<EventData>& history) {
  State state;
  std::uint64_t position = 0;
  for (const EventData& data : history)
    state = evolve(std::move(state), event_at(++position, data));
  return state;
}

// What a decision came to: an event's data, the position it repeats, a rejection, or nothing.
struct Nothing {
  friend bool operator==(Nothing, Nothing) = default;
};
using Then = std::variant<Nothing, EventData, Position, Rejection>;

Then outcome(const Decided& decided) {
  if (!decided) return decided.error();
  if (decided->repeats) return *decided->repeats;
  if (decided->events.empty()) return Nothing{};
  EXPECT_EQ(decided->events.size(), 1u);
  return decided->events.front();
}

template <typename Command>
struct Case {
  const char* name;
  std::vector<EventData> given;
  Command when;
  Then then;
};

template <typename State, typename Command>
void check(const std::vector<Case<Command>>& cases) {
  for (const auto& [name, history, command, expected] : cases) {
    EXPECT_TRUE(outcome(decide(given<State>(history), command, context())) == expected) << name;
  }
}

Then refused(RejectionCode code, std::optional<AppointmentId> appointment = std::nullopt) {
  return Rejection{code, appointment};
}

// The event that a new request leads to.
EventData booked(std::string_view insured_id, VisitDetails details = {}) {
  return AppointmentRequested{{kNew, insured(insured_id), slot("PE", 100)}, details};
}

RequestAppointment request(std::string_view insured_id, VisitDetails details = {}) {
  return {insured(insured_id), slot("PE", 100), details};
}

TEST(RequestAppointmentTest, Decides) {
  const VisitDetails past{.date = kNow - std::chrono::milliseconds{1}};
  const VisitDetails now{.date = kNow};
  RequestAppointment elsewhere = request("00001");
  elsewhere.slot.country = country("MX");
  check<SlotState, RequestAppointment>({
      {"a free slot", {}, request("00001"), booked("00001")},
      {"with details", {}, request("00001", now), booked("00001", now)},
      {"held by another", {requested()}, request("00002"), refused(RejectionCode::kSlotTaken)},
      {"booked by another",
       {requested(), confirmed()},
       request("00002"),
       refused(RejectionCode::kSlotTaken)},
      {"a double click", {requested()}, request("00001"), Position{1}},
      {"a double click after confirmation",
       {requested(), confirmed()},
       request("00001"),
       Position{1}},
      {"a double click once the date has passed",
       {requested(past)},
       request("00001", past),
       Position{1}},
      {"the same insured, other details",
       {requested()},
       request("00001", {.center = 5}),
       refused(RejectionCode::kAlreadyBooked, AppointmentId{uuid(1)})},
      {"freed by cancellation", {requested(), cancelled()}, request("00002"), booked("00002")},
      {"freed after confirmation",
       {requested(), confirmed(), cancelled()},
       request("00002"),
       booked("00002")},
      {"freed by refusal", {requested(), rejected()}, request("00002"), booked("00002")},
      {"freed, the same insured again",
       {requested(), cancelled()},
       request("00001"),
       booked("00001")},
      {"a date in the past", {}, request("00001", past), refused(RejectionCode::kDateInPast)},
      {"a country that is not served", {}, elsewhere, refused(RejectionCode::kUnknownCountry)},
      {"taken, and in the past: taken comes first",
       {requested()},
       request("00002", past),
       refused(RejectionCode::kSlotTaken)},
  });
}

TEST(ConfirmAppointmentTest, Decides) {
  const ConfirmAppointment confirm{AppointmentId{uuid(1)}, country("PE"), RegistrationId{uuid(9)}};
  ConfirmAppointment foreign = confirm;
  foreign.country = country("CL");
  check<AppointmentState, ConfirmAppointment>({
      {"pending", {requested()}, confirm, confirmed()},
      {"unknown", {}, confirm, refused(RejectionCode::kAppointmentNotFound)},
      {"of another country", {requested()}, foreign, refused(RejectionCode::kCountryMismatch)},
      {"again", {requested(), confirmed()}, confirm, Nothing{}},
      {"overtaken by a cancellation", {requested(), cancelled()}, confirm, Nothing{}},
      {"after a refusal", {requested(), rejected()}, confirm, Nothing{}},
  });
}

TEST(RejectAppointmentTest, Decides) {
  const RejectAppointment refusal{AppointmentId{uuid(1)}, country("PE"), reason("center_closed")};
  RejectAppointment foreign = refusal;
  foreign.country = country("CL");
  check<AppointmentState, RejectAppointment>({
      {"pending", {requested()}, refusal, rejected()},
      {"unknown", {}, refusal, refused(RejectionCode::kAppointmentNotFound)},
      {"of another country", {requested()}, foreign, refused(RejectionCode::kCountryMismatch)},
      {"again", {requested(), rejected()}, refusal, Nothing{}},
      {"already booked", {requested(), confirmed()}, refusal, Nothing{}},
      {"already cancelled", {requested(), cancelled()}, refusal, Nothing{}},
  });
}

TEST(CancelAppointmentTest, Decides) {
  const CancelAppointment cancel{AppointmentId{uuid(1)}, insured("00001"), std::nullopt};
  CancelAppointment of_another = cancel;
  of_another.insured = insured("00002");
  CancelAppointment with_reason = cancel;
  with_reason.reason = reason("other");
  CancelAppointment as_seen = cancel;
  as_seen.if_changed_at = Position{1};
  check<AppointmentState, CancelAppointment>({
      {"pending", {requested()}, cancel, cancelled()},
      {"booked", {requested(), confirmed()}, cancel, cancelled()},
      {"with a reason",
       {requested()},
       with_reason,
       EventData{AppointmentCancelled{ref(1), reason("other")}}},
      {"unknown", {}, cancel, refused(RejectionCode::kAppointmentNotFound)},
      {"another insured's",
       {requested()},
       of_another,
       refused(RejectionCode::kAppointmentNotFound)},
      {"again", {requested(), cancelled()}, cancel, Position{2}},
      {"refused before",
       {requested(), rejected()},
       cancel,
       refused(RejectionCode::kNotCancellable)},
      {"as its caller saw it", {requested()}, as_seen, cancelled()},
      {"changed since", {requested(), confirmed()}, as_seen, refused(RejectionCode::kChangedSince)},
      {"cancelled since", {requested(), cancelled()}, as_seen, Position{2}},
      {"refused since",
       {requested(), rejected()},
       as_seen,
       refused(RejectionCode::kNotCancellable)},
  });
}

TEST(Evolve, TheSlotFollowsItsHolder) {
  EXPECT_FALSE(given<SlotState>({}).holder);
  EXPECT_EQ(given<SlotState>({requested()}).holder->lifecycle, Lifecycle::kRequested);
  EXPECT_EQ(given<SlotState>({requested(), confirmed()}).holder->lifecycle, Lifecycle::kBooked);
  EXPECT_FALSE(given<SlotState>({requested(), confirmed(), cancelled()}).holder);
  // Read backwards, an end is enough to know that the slot is free.
  EXPECT_FALSE(given<SlotState>({cancelled()}).holder);
}

TEST(Evolve, DecidingEventsOfASlotNeedNoEarlierOne) {
  EXPECT_TRUE(decides_slot(event_at(1, requested())));
  EXPECT_TRUE(decides_slot(event_at(1, cancelled())));
  EXPECT_TRUE(decides_slot(event_at(1, rejected())));
  EXPECT_FALSE(decides_slot(event_at(1, confirmed())));
}

TEST(PolicyViolations, AreAllReported) {
  RequestAppointment wrong = request("00001", {.date = kNow - std::chrono::hours{1}});
  wrong.slot.country = country("MX");
  EXPECT_EQ(policy_violations(wrong, kNow, kServed),
            (std::vector{RejectionCode::kUnknownCountry, RejectionCode::kDateInPast}));
  EXPECT_TRUE(policy_violations(request("00001"), kNow, kServed).empty());
}

TEST(RejectionTest, NumbersAndWordsAreFixed) {
  const std::vector<std::pair<int, std::string_view>> published{{1, "idempotency_key_reused"},
                                                                {2, "appointment_not_found"},
                                                                {3, "country_mismatch"},
                                                                {4, "slot_taken"},
                                                                {5, "already_booked"},
                                                                {6, "unknown_country"},
                                                                {7, "date_in_past"},
                                                                {8, "not_cancellable"},
                                                                {9, "changed_since"},
                                                                {10, "dead_letter_not_found"},
                                                                {11, "dead_letter_discarded"},
                                                                {12, "dead_letter_settled"},
                                                                {13, "dead_letter_not_retryable"}};
  for (const auto& [number, word] : published) {
    EXPECT_EQ(to_string(static_cast<RejectionCode>(number)), word);
  }
}

}  // namespace
}  // namespace citas::commands

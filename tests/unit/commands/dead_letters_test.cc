// Decisions on dead letters: given / when / then, one table for each command.
#include "commands/dead_letters/dead_letters.h"

#include <gtest/gtest.h>

#include "tests/support/events.h"

namespace citas::commands {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

// --- The vocabulary: a letter about appointment 1, of insured 00001 on slot PE:100. ---

const DeadLetterId kLetter = dead_letter_id("processor-PE", "m1");

DeadLetterRecorded letter(std::uint32_t attempts = 5) {
  return {.message_id = "m1",
          .consumer = "processor-PE",
          .country = country("XX"),
          .reason = reason("processing_failed"),
          .attempts = attempts,
          .appointment = AppointmentId{uuid(1)},
          .payload_sha256 = "00"};
}

EventData recorded(std::uint32_t attempts = 5) {
  DeadLetterRecorded event = letter(attempts);
  event.id = kLetter;
  return event;
}
EventData retried() { return DeadLetterRetried{kLetter, country("PE"), AppointmentId{uuid(1)}}; }
EventData discarded(std::string_view why = "unprocessable") {
  return DeadLetterDiscarded{kLetter, country("XX"), AppointmentId{uuid(1)}, reason(why)};
}
EventData requested() { return AppointmentRequested{ref(1), {}}; }
EventData confirmed() { return AppointmentConfirmed{ref(1), RegistrationId{uuid(9)}}; }
EventData rejected(std::string_view why = "center_closed") {
  return AppointmentRejected{ref(1), reason(why)};
}
EventData cancelled() { return AppointmentCancelled{ref(1), std::nullopt}; }

// What the events of one log come to, at positions 1, 2, 3, …
struct Given {
  DeadLetterState letter;
  AppointmentState appointment;
};

Given given(const std::vector<EventData>& history) {
  Given given;
  std::uint64_t position = 0;
  for (const EventData& data : history) {
    const Event event = event_at(++position, data);
    if (dead_letter_of(data)) given.letter = evolve(given.letter, event);
    if (appointment_of(data)) given.appointment = evolve(given.appointment, event);
  }
  return given;
}

Decided decide_on(const Given& given, const RecordDeadLetter& command) {
  return decide(given.letter, command);
}
template <typename Command>
Decided decide_on(const Given& given, const Command& command) {
  return decide(given.letter, given.appointment, command);
}

// What a decision came to: events, the position it repeats, a rejection, or nothing (no events).
using Then = std::variant<std::vector<EventData>, Position, RejectionCode>;
const Then kNothing = std::vector<EventData>{};
Then events(std::initializer_list<EventData> expected) { return std::vector(expected); }

Then outcome(const Decided& decided) {
  if (!decided) return decided.error().code;
  if (decided->repeats) return *decided->repeats;
  return decided->events;
}

template <typename Command>
struct Case {
  const char* name;
  std::vector<EventData> given;
  Command when;
  Then then;
};

template <typename Command>
void check(const std::vector<Case<Command>>& cases) {
  for (const auto& [name, history, command, expected] : cases) {
    EXPECT_TRUE(outcome(decide_on(given(history), command)) == expected) << name;
  }
}

TEST(RecordDeadLetterTest, Decides) {
  const auto record = [](std::optional<std::uint64_t> retry, std::uint32_t attempts = 5) {
    return RecordDeadLetter{letter(attempts),
                            retry ? std::optional(Position{*retry}) : std::nullopt};
  };
  check<RecordDeadLetter>({
      {"a new one", {requested()}, record(0), events({recorded()})},
      {"of nothing that is known", {}, record(std::nullopt), events({recorded()})},
      {"delivered twice", {requested(), recorded()}, record(0), kNothing},
      {"delivered twice, with another count", {recorded()}, record(0, 7), kNothing},
      {"delivered twice, from who cannot tell", {recorded()}, record({}), kNothing},
      {"delivered late, after its retry", {recorded(), retried()}, record(0), kNothing},
      {"died again after its retry", {recorded(), retried()}, record(2, 3), events({recorded(3)})},
      {"after its retry, from who cannot tell", {recorded(), retried()}, record({}), kNothing},
      {"the second death, delivered twice",
       {recorded(), retried(), recorded()},
       record(2),
       kNothing},
      {"late from the first of two retries",
       {recorded(), retried(), recorded(), retried()},
       record(2),
       kNothing},
      {"discarded", {recorded(), discarded()}, record(0), kNothing},
      {"of a retry that never was", {recorded()}, record(9), kNothing},
      {"discarded, of a retry that never was", {recorded(), discarded()}, record(9), kNothing},
  });
}

TEST(RetryDeadLetterTest, Decides) {
  const RetryDeadLetter retry{kLetter};
  check<RetryDeadLetter>({
      {"open", {requested(), recorded()}, retry, events({retried()})},
      {"unknown", {requested()}, retry, RejectionCode::kDeadLetterNotFound},
      {"being retried", {requested(), recorded(), retried()}, retry, Position{3}},
      {"died again", {requested(), recorded(), retried(), recorded()}, retry, events({retried()})},
      {"discarded",
       {requested(), recorded(), rejected(), discarded()},
       retry,
       RejectionCode::kDeadLetterDiscarded},
      {"completed after its retry",
       {requested(), recorded(), retried(), confirmed()},
       retry,
       RejectionCode::kDeadLetterSettled},
      {"cancelled",
       {requested(), recorded(), cancelled()},
       retry,
       RejectionCode::kDeadLetterSettled},
      {"completed before it was recorded",
       {requested(), confirmed(), recorded()},
       retry,
       RejectionCode::kDeadLetterSettled},
      {"of no appointment here", {recorded()}, retry, RejectionCode::kDeadLetterNotRetryable},
  });
}

TEST(DiscardDeadLetterTest, Decides) {
  const DiscardDeadLetter discard{kLetter, reason("unprocessable")};
  const DiscardDeadLetter otherwise{kLetter, reason("other")};
  const Then ends_it = events({rejected(kNotProcessed), discarded()});
  check<DiscardDeadLetter>({
      {"open: its appointment fails", {requested(), recorded()}, discard, ends_it},
      {"being retried", {requested(), recorded(), retried()}, discard, ends_it},
      {"unknown", {requested()}, discard, RejectionCode::kDeadLetterNotFound},
      {"discarded",
       {requested(), recorded(), rejected(kNotProcessed), discarded()},
       discard,
       Position{4}},
      {"discarded, for another reason",
       {requested(), recorded(), rejected(kNotProcessed), discarded()},
       otherwise,
       Position{4}},
      {"completed since",
       {requested(), recorded(), confirmed()},
       discard,
       RejectionCode::kDeadLetterSettled},
      {"cancelled since",
       {requested(), recorded(), retried(), cancelled()},
       discard,
       RejectionCode::kDeadLetterSettled},
      {"recorded when all was over: the appointment stays as it is",
       {requested(), confirmed(), recorded()},
       discard,
       events({discarded()})},
      {"of no appointment here", {recorded()}, discard, events({discarded()})},
  });
}

TEST(DeadLetterIdTest, FollowsFromConsumerAndMessage) {
  EXPECT_EQ(dead_letter_id("processor-PE", "m1").value().to_string(),
            "3f04d783-1c39-89c6-9593-9fde89a5f274");
  EXPECT_NE(dead_letter_id("processor-PE", "m1"), dead_letter_id("processor-PE", "m2"));
  EXPECT_NE(dead_letter_id("processor-PE", "m1"), dead_letter_id("processor-CL", "m1"));
}

}  // namespace
}  // namespace citas::commands

#include "commands/dead_letters/dead_letters.h"

#include "events/base/check.h"
#include "events/base/sha256.h"
#include "events/base/uuid.h"

namespace citas::commands {
namespace {

bool is_pending(const AppointmentState& state) {
  return state.appointment && state.appointment->lifecycle == Lifecycle::kRequested;
}

// Whether the appointment got its end, or its answer, after the letter: nothing is left to decide.
bool is_settled(const DeadLetter& letter, const AppointmentState& state) {
  return state.appointment && !is_pending(state) &&
         state.appointment->changed_at > letter.recorded_at;
}

// The letter that a change of it is about; an event without one would mean that the log lies about
// its own tag.
DeadLetter& existing(DeadLetterState& state) {
  CHECK(state.letter.has_value());
  return *state.letter;
}

void move_to(DeadLetterState& state, DeadLetterStatus status, Position at) {
  DeadLetter& letter = existing(state);
  letter.status = status;
  letter.changed_at = at;
}

}  // namespace

DeadLetterId dead_letter_id(std::string_view consumer, std::string_view message_id) {
  return DeadLetterId{make_uuid_v8(sha256({"citas/deadletter/", consumer, "/", message_id}))};
}

Decided decide(const DeadLetterState& state, const RecordDeadLetter& command) {
  if (state.letter) {
    const DeadLetter& known = *state.letter;
    if (known.status != DeadLetterStatus::kRetried) return Decision{};
    const bool died_again = command.retry && *command.retry >= known.changed_at;
    if (!died_again) return Decision{};
  }
  DeadLetterRecorded letter = command.letter;
  letter.id = dead_letter_id(letter.consumer, letter.message_id);
  return Decision{.events = {std::move(letter)}};
}

Decided decide(const DeadLetterState& state, const AppointmentState& appointment,
               const RetryDeadLetter& command) {
  if (!state.letter) return reject(RejectionCode::kDeadLetterNotFound);
  if (state.letter->status == DeadLetterStatus::kDiscarded) {
    return reject(RejectionCode::kDeadLetterDiscarded);
  }
  if (!appointment.appointment) return reject(RejectionCode::kDeadLetterNotRetryable);
  if (!is_pending(appointment)) return reject(RejectionCode::kDeadLetterSettled);
  if (state.letter->status == DeadLetterStatus::kRetried) {
    return Decision{.events = {}, .repeats = state.letter->changed_at};
  }
  const AppointmentRef& ref = appointment.appointment->ref;
  return Decision{.events = {DeadLetterRetried{command.id, ref.slot.country, ref.appointment}}};
}

Decided decide(const DeadLetterState& state, const AppointmentState& appointment,
               const DiscardDeadLetter& command) {
  if (!state.letter) return reject(RejectionCode::kDeadLetterNotFound);
  const DeadLetter& letter = *state.letter;
  if (letter.status == DeadLetterStatus::kDiscarded) {
    return Decision{.events = {}, .repeats = letter.changed_at};
  }
  if (is_settled(letter, appointment)) return reject(RejectionCode::kDeadLetterSettled);
  Decision decision;
  if (is_pending(appointment)) {
    decision.events.emplace_back(AppointmentRejected{appointment.appointment->ref,
                                                     ReasonCode::parse(kNotProcessed).value()});
  }
  // Last, for it is the answer.
  decision.events.emplace_back(DeadLetterDiscarded{command.id, letter.recorded.country,
                                                   letter.recorded.appointment, command.reason});
  return decision;
}

DeadLetterState evolve(DeadLetterState state, const Event& event) {
  std::visit(Match{[&](const DeadLetterRecorded& data) {
                     state.letter =
                         DeadLetter{data, DeadLetterStatus::kOpen, event.position, event.position};
                   },
                   [&](const DeadLetterRetried&) {
                     move_to(state, DeadLetterStatus::kRetried, event.position);
                   },
                   [&](const DeadLetterDiscarded&) {
                     move_to(state, DeadLetterStatus::kDiscarded, event.position);
                   },
                   // Not of this tag.
                   [](const AppointmentRequested&) { CHECK(false); },
                   [](const AppointmentConfirmed&) { CHECK(false); },
                   [](const AppointmentRejected&) { CHECK(false); },
                   [](const AppointmentCancelled&) { CHECK(false); }},
             event.data);
  return state;
}

}  // namespace citas::commands

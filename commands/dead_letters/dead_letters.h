// Dead letters: messages that could not be processed, and what operators decide about them.
//
//   open ──retried──► retried ──recorded (it died again)──► open
//     └──discarded─► discarded ◄──discarded── retried
//
// A letter is of one message and one consumer, for ever: dying again re-opens the same one. One
// whose appointment is answered or cancelled after it was recorded is settled: nothing is left to
// decide. That is seen from the appointment, not stored.
//
// Pure, as all deciders. Decisions on a letter see its appointment, too.
#pragma once

#include <optional>
#include <string_view>

#include "commands/booking/booking.h"
#include "commands/rejection.h"
#include "events/event.h"

namespace citas::commands {

// --- Commands ---

struct RecordDeadLetter {
  DeadLetterRecorded letter;  // its id is the decider's to set
  // The log's position when it died, or at least that of the retry after which it did; 0: before
  // any. nullopt: whoever gave up cannot tell, and a letter on record stays as it is.
  std::optional<Position> retry = std::nullopt;
  friend bool operator==(const RecordDeadLetter&, const RecordDeadLetter&) = default;
};

struct RetryDeadLetter {
  DeadLetterId id;
};

struct DiscardDeadLetter {
  DeadLetterId id;
  ReasonCode reason;
};

// --- State, of the events tagged deadletter:<id> ---

enum class DeadLetterStatus { kOpen, kRetried, kDiscarded };

struct DeadLetter {
  DeadLetterRecorded recorded;  // the last time
  DeadLetterStatus status = DeadLetterStatus::kOpen;
  Position recorded_at;
  Position changed_at;
};

struct DeadLetterState {
  std::optional<DeadLetter> letter;
};

// --- Decisions ---

// The id of the letter about a message that a consumer gave up: a UUIDv8 (RFC 9562, section 5.8)
// whose bits are the first of SHA-256("citas/deadletter/" ‖ consumer ‖ "/" ‖ message id).
DeadLetterId dead_letter_id(std::string_view consumer, std::string_view message_id);

// What clients read as the reason when an operator discards what their appointment waits for.
inline constexpr std::string_view kNotProcessed = "not_processed";

// Idempotent by state: on record already, and not retried since → nothing to do.
Decided decide(const DeadLetterState& state, const RecordDeadLetter& command);
// Being retried already → that retry again. `appointment` is the letter's, where it names one.
Decided decide(const DeadLetterState& state, const AppointmentState& appointment,
               const RetryDeadLetter& command);
// Ends the appointment as failed, if it is still pending. Discarded already → that decision again.
Decided decide(const DeadLetterState& state, const AppointmentState& appointment,
               const DiscardDeadLetter& command);

// `event` must be the next one of the letter's tag.
DeadLetterState evolve(DeadLetterState state, const Event& event);

}  // namespace citas::commands

// Rejection: why a command was refused. A closed list; the numbers are fixed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "events/event.h"

namespace citas::commands {

// In the order of precedence: where several hold, the first is the answer. The very same request
// may be accepted later after kSlotTaken and kAlreadyBooked (the holder cancels) and
// kUnknownCountry (an operator adds it), and after no other.
enum class RejectionCode : std::uint8_t {
  kIdempotencyKeyReused = 1,  // the key was used for another command
  kAppointmentNotFound = 2,   // no such appointment, or another insured's
  kCountryMismatch = 3,       // the appointment is of another country
  kSlotTaken = 4,             // another insured holds the slot
  kAlreadyBooked = 5,         // the same insured holds it, with other details
  kUnknownCountry = 6,        // not served here (configuration)
  kDateInPast = 7,
  kNotCancellable = 8,  // the appointment was refused by its country
  kChangedSince = 9,    // it is no longer as the caller saw it
  kDeadLetterNotFound = 10,
  kDeadLetterDiscarded = 11,     // an operator has decided that it is not tried again
  kDeadLetterSettled = 12,       // its appointment is pending no longer: there is nothing to do
  kDeadLetterNotRetryable = 13,  // it names no appointment that could be sent again
};

// The stable word, e.g. "slot_taken".
std::string_view to_string(RejectionCode code);

struct Rejection {
  RejectionCode code;
  // kAlreadyBooked: the appointment that the insured holds.
  std::optional<AppointmentId> appointment = std::nullopt;
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

// What a decider says: new facts, or that the command's effect is there already, or a rejection.
struct Decision {
  std::vector<EventData> events;
  // Without events: the position of the event that is the answer, if the command wants one.
  std::optional<Position> repeats = std::nullopt;
};
using Decided = tl::expected<Decision, Rejection>;

inline tl::unexpected<Rejection> reject(RejectionCode code,
                                        std::optional<AppointmentId> appointment = std::nullopt) {
  return tl::unexpected<Rejection>(Rejection{code, appointment});
}

}  // namespace citas::commands

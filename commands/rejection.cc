#include "commands/rejection.h"

#include "events/base/check.h"

namespace citas::commands {

std::string_view to_string(RejectionCode code) {
  switch (code) {
    case RejectionCode::kIdempotencyKeyReused:
      return "idempotency_key_reused";
    case RejectionCode::kAppointmentNotFound:
      return "appointment_not_found";
    case RejectionCode::kCountryMismatch:
      return "country_mismatch";
    case RejectionCode::kSlotTaken:
      return "slot_taken";
    case RejectionCode::kAlreadyBooked:
      return "already_booked";
    case RejectionCode::kUnknownCountry:
      return "unknown_country";
    case RejectionCode::kDateInPast:
      return "date_in_past";
    case RejectionCode::kNotCancellable:
      return "not_cancellable";
    case RejectionCode::kChangedSince:
      return "changed_since";
    case RejectionCode::kDeadLetterNotFound:
      return "dead_letter_not_found";
    case RejectionCode::kDeadLetterDiscarded:
      return "dead_letter_discarded";
    case RejectionCode::kDeadLetterSettled:
      return "dead_letter_settled";
    case RejectionCode::kDeadLetterNotRetryable:
      return "dead_letter_not_retryable";
  }
  CHECK(false);
}

}  // namespace citas::commands

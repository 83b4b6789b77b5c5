// DeadLetter: a message that somebody gave up on, as it travels on citas.deadletters.<COUNTRY>.
//
//   {"type":"DeadLetter","messageId":…,"consumer":…,"countryISO":…,"reason":…,"attempts":3,
//    ["appointmentId":…,]["retry":…,]"payloadSha256":…}
//
// "retry" tells a message that died again after an operator's retry from the same letter delivered
// twice: the position of that retry's event, as the message's id told it (redelivery.h); 0 where it
// told none; from who sees the log, its end at the death. Whoever cannot know leaves it out, and
// then only its first death is recorded.
#pragma once

#include <string>
#include <string_view>

#include "commands/dead_letters/dead_letters.h"
#include "events/base/result.h"
#include "events/event.h"
#include "workers/bus.h"
#include "workers/outbox.h"

namespace citas::workers {

// The reasons that the workers themselves give.
namespace reasons {
inline constexpr std::string_view kMalformedMessage = "malformed_message";
inline constexpr std::string_view kCountryMismatch = "country_mismatch";
inline constexpr std::string_view kProcessingFailed = "processing_failed";
}  // namespace reasons

// The country of a dead letter whose message names none that could be read: ISO 3166-1 keeps XX
// free.
inline constexpr std::string_view kUnknownCountry = "XX";

using DeadLetter = commands::RecordDeadLetter;

// A letter about `message`. Its id is what the message's own header says (if that is printable),
// else its subject and sequence. `reason` must be a valid code.
DeadLetter make_dead_letter(const Message& message, std::string_view consumer,
                            std::optional<CountryCode> country, std::string_view reason);

// "<messageId>/<consumer>", and "/r<retry>" after a retry.
std::string message_id(const DeadLetter& dead);
std::string encode(const DeadLetter& dead);
// Strict, safe on hostile bytes. InvalidArgument: not a dead letter.
Result<DeadLetter> parse_dead_letter(std::string_view bytes);

// Publishes the letter for the log of that source; the message that it is about is terminated when
// that is acknowledged. Empty: whose message it was is not known.
void publish_dead_letter(Outbox& outbox, const DeadLetter& dead, std::string_view log_source,
                         OutboxItem item);

}  // namespace citas::workers

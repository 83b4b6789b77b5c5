// DeadLetter: a message that somebody gave up on, as it travels on citas.deadletters.<COUNTRY>.
//
//   {"type":"DeadLetter","messageId":…,"consumer":…,"countryISO":…,"reason":…,"attempts":3,
//    ["appointmentId":…,]"payloadSha256":…}
#pragma once

#include <string>
#include <string_view>

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

// A letter about `message`. Its id is what the message's own header says (if that is printable),
// else its subject and sequence. `reason` must be a valid code.
DeadLetterRecorded make_dead_letter(const Message& message, std::string_view consumer,
                                    std::optional<CountryCode> country, std::string_view reason);

// "<messageId>/<consumer>".
std::string message_id(const DeadLetterRecorded& letter);
std::string encode(const DeadLetterRecorded& letter);
// Strict, safe on hostile bytes. InvalidArgument: not a dead letter.
Result<DeadLetterRecorded> parse_dead_letter(std::string_view bytes);

// Publishes the letter; the message that it is about is terminated when that is acknowledged.
void publish_dead_letter(Outbox& outbox, const DeadLetterRecorded& letter, OutboxItem item);

}  // namespace citas::workers

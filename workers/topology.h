// Topology: every stream, subject, durable name and header on the bus. The only place that knows
// them.
//
//   stream               subjects                        written by
//   CITAS_EVENTS         citas.events.<COUNTRY>.<event>  the relay alone; sequence = position
//   CITAS_REDELIVER      citas.redeliver.<COUNTRY>       the reconciler
//   CITAS_CONFIRMATIONS  citas.confirmations.<COUNTRY>   country processors
//   CITAS_DEADLETTERS    citas.deadletters.<COUNTRY>     whoever gives up on a message
//
// <COUNTRY> is "_" for events that concern none; <event> is the event's type without prefix and
// version, e.g. "appointment.requested".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "events/ids.h"
#include "workers/bus.h"

namespace citas::workers {

inline constexpr char kEventsStream[] = "CITAS_EVENTS";
inline constexpr char kRedeliverStream[] = "CITAS_REDELIVER";
inline constexpr char kConfirmationsStream[] = "CITAS_CONFIRMATIONS";
inline constexpr char kDeadLettersStream[] = "CITAS_DEADLETTERS";

inline constexpr char kMessageIdHeader[] = "Nats-Msg-Id";
inline constexpr char kPositionHeader[] = "Citas-Position";
inline constexpr char kHashHeader[] = "Citas-Hash";
// The epoch of the log that published the message, which is not always the event's own.
inline constexpr char kEpochHeader[] = "Citas-Epoch";
// Where the event before this one, of the same country, lies; 0: there is none. Absent where the
// relay would have to look too far back, and on messages of other streams.
inline constexpr char kPreviousHeader[] = "Citas-Previous";
inline constexpr char kSourceHeader[] = "ce-source";
// On confirmations and dead letters: the source of the log that sent what they answer.
inline constexpr char kLogHeader[] = "Citas-Log";
inline constexpr char kTraceparentHeader[] = "traceparent";

// All four, the events' first.
std::span<const StreamSpec> stream_specs();
// Creates those that are missing.
Status ensure_streams(Bus& bus);
// Deletes all four, with their consumers.
Status delete_streams(Bus& bus);

// `country` is "_" or a country code.
std::string event_subject(std::string_view country, std::string_view event_type);
std::string redeliver_subject(CountryCode country);
std::string confirmation_subject(CountryCode country);
std::string dead_letter_subject(CountryCode country);

// Whether a subject of events or redeliveries is that country's.
bool is_of_country(std::string_view subject, CountryCode country);
// The country that a subject of confirmations or dead letters names; nullopt when it is no code.
std::optional<CountryCode> country_of_subject(std::string_view subject);

// Whether it says that it answers another log than that of `log_source`, whose server then has the
// same bus. One that does not say is nobody else's.
bool answers_another_log(const Message& message, std::string_view log_source);

ConsumerSpec processor_consumer(CountryCode country);
ConsumerSpec redeliver_consumer(CountryCode country);
ConsumerSpec confirmations_consumer();
ConsumerSpec dead_letters_consumer();
// Reads all of the events' stream, to compare it with the log.
ConsumerSpec audit_consumer();

}  // namespace citas::workers

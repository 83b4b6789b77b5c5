// Events: facts that have happened, never changed afterwards.
//
// The payload structs say what happened; Event adds the envelope that every fact has. How they are
// written is codec.h; which identities they concern is tags.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "events/base/time.h"
#include "events/ids.h"

namespace citas {

// What every appointment event names, so that its tags follow from its data alone.
struct AppointmentRef {
  AppointmentId appointment;
  InsuredId insured;
  Slot slot;
  friend bool operator==(const AppointmentRef&, const AppointmentRef&) = default;
};

// What the client may add to a request. Ids are 1 … kMaxJsonInteger.
struct VisitDetails {
  std::optional<std::int64_t> center;
  std::optional<std::int64_t> specialty;
  std::optional<std::int64_t> medic;
  std::optional<Timestamp> date;
  friend bool operator==(const VisitDetails&, const VisitDetails&) = default;
};

// A client asked for a slot, and holds it from now on.
struct AppointmentRequested {
  AppointmentRef ref;
  VisitDetails details;
  friend bool operator==(const AppointmentRequested&, const AppointmentRequested&) = default;
};

// The country registered it.
struct AppointmentConfirmed {
  AppointmentRef ref;
  RegistrationId registration;
  friend bool operator==(const AppointmentConfirmed&, const AppointmentConfirmed&) = default;
};

// The country refused it by its rules, or an operator gave up on it (reason "not_processed"); the
// slot is free again.
struct AppointmentRejected {
  AppointmentRef ref;
  ReasonCode reason;
  friend bool operator==(const AppointmentRejected&, const AppointmentRejected&) = default;
};

// The insured's side gave it up; the slot is free again.
struct AppointmentCancelled {
  AppointmentRef ref;
  std::optional<ReasonCode> reason;
  friend bool operator==(const AppointmentCancelled&, const AppointmentCancelled&) = default;
};

// A message that could not be processed after all its tries; operators decide what becomes of it.
struct DeadLetterRecorded {
  // Absent in events of builds that could neither retry nor discard: those requests stay pending,
  // and are recorded anew, with an id, when they fail again.
  std::optional<DeadLetterId> id = std::nullopt;
  std::string message_id;  // Nats-Msg-Id of the message that failed
  std::string consumer;    // who gave up, e.g. "processor-PE"
  CountryCode country;
  ReasonCode reason;
  std::uint32_t attempts = 0;
  std::optional<AppointmentId> appointment;  // where the message spoke of one
  std::string payload_sha256;                // hex; the payload itself may hold anything
  friend bool operator==(const DeadLetterRecorded&, const DeadLetterRecorded&) = default;
};

// An operator wants the request tried again, with a new set of tries.
struct DeadLetterRetried {
  DeadLetterId id;
  CountryCode country;  // the appointment's: where it is sent again
  AppointmentId appointment;
  friend bool operator==(const DeadLetterRetried&, const DeadLetterRetried&) = default;
};

// An operator decided that the message is not to be tried again.
struct DeadLetterDiscarded {
  DeadLetterId id;
  CountryCode country;
  std::optional<AppointmentId> appointment;
  ReasonCode reason;
  friend bool operator==(const DeadLetterDiscarded&, const DeadLetterDiscarded&) = default;
};

using EventData =
    std::variant<AppointmentRequested, AppointmentConfirmed, AppointmentRejected,
                 AppointmentCancelled, DeadLetterRecorded, DeadLetterRetried, DeadLetterDiscarded>;

struct Event {
  EventId id;
  Position position;
  Timestamp time;  // when it was decided, by the clock of the sequencer; may go backwards
  TenantId tenant = kDefaultTenant;
  std::string actor;  // who caused it: a principal, or "worker:<name>"
  CommandId command;
  std::optional<Uuid> correlation;   // where it differs from the command
  std::optional<EventId> causation;  // the event that led to this one
  std::string traceparent;           // W3C Trace Context; empty when the client sent none
  EventData data;

  friend bool operator==(const Event&, const Event&) = default;
};

// The appointment that an event is about, if any.
std::optional<AppointmentId> appointment_of(const EventData& data);
// The dead letter that an event is about, if any.
std::optional<DeadLetterId> dead_letter_of(const EventData& data);
// Where an event is one of an appointment's own: whose and which. Borrowed from `data`. nullptr for
// dead letters, which only name an appointment.
const AppointmentRef* ref_of(const EventData& data);
// The country that an event concerns.
CountryCode country_of(const EventData& data);

// For std::visit: one callable per alternative, so that a new event type does not compile
// until everyone has decided what it means to them.
template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Match(Cases...) -> Match<Cases...>;

}  // namespace citas

// Booking: who holds which slot, from the request to its end.
//
//   requested ──confirmed──► booked
//       │                      │
//       ├──rejected──► (ended) │
//       └──cancelled─► (ended) ◄┘  an ended appointment frees its slot
//
// Pure: state and time come in, events go out (the decider pattern). States are folded from the
// events of one tag; the sequencer loads and keeps them.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "commands/rejection.h"
#include "events/event.h"

namespace citas::commands {

// --- Commands ---

struct RequestAppointment {
  InsuredId insured;
  Slot slot;
  VisitDetails details;
};

struct ConfirmAppointment {
  AppointmentId appointment;
  CountryCode country;  // the country that says so
  RegistrationId registration;
};

struct RejectAppointment {
  AppointmentId appointment;
  CountryCode country;
  ReasonCode reason;
};

struct CancelAppointment {
  AppointmentId appointment;
  InsuredId insured;
  std::optional<ReasonCode> reason;
  // Only if this event is still the last that changed the appointment, or it is cancelled already.
  std::optional<Position> if_changed_at = std::nullopt;
};

// --- State ---

enum class Lifecycle { kRequested, kBooked, kRejected, kCancelled };

struct Appointment {
  AppointmentRef ref;
  VisitDetails details;
  Lifecycle lifecycle = Lifecycle::kRequested;
  Position requested_at;
  Position changed_at;
};

// Of the events tagged appointment:<id>.
struct AppointmentState {
  std::optional<Appointment> appointment;
};

// Of the events tagged slot:<country>:<schedule>: who holds it now.
struct SlotState {
  std::optional<Appointment> holder;
};

// --- Decisions ---

// What booking depends on besides state: time and configuration.
struct BookingContext {
  Timestamp now;
  AppointmentId new_appointment;           // the id a new appointment gets
  const std::set<CountryCode>& countries;  // those served
};

// Held by the same insured with the same details → the first request again (a double click).
Decided decide(const SlotState& state, const RequestAppointment& command,
               const BookingContext& context);
// No longer pending → nothing to do.
Decided decide(const AppointmentState& state, const ConfirmAppointment& command,
               const BookingContext& context);
Decided decide(const AppointmentState& state, const RejectAppointment& command,
               const BookingContext& context);
// Cancelled already → that cancellation again.
Decided decide(const AppointmentState& state, const CancelAppointment& command,
               const BookingContext& context);

// The part of deciding a request that depends on time and configuration alone. All that applies.
std::vector<RejectionCode> policy_violations(const RequestAppointment& command, Timestamp now,
                                             const std::set<CountryCode>& countries);

// --- Evolution: `event` must be the next one of the state's tag. ---

AppointmentState evolve(AppointmentState state, const Event& event);
SlotState evolve(SlotState state, const Event& event);

// Whether, reading a slot's events backwards, no earlier event matters any more.
bool decides_slot(const Event& event);

}  // namespace citas::commands

#include "commands/booking/booking.h"

#include "events/base/check.h"

namespace citas::commands {
namespace {

bool ends_appointment(const Event& event) {
  return std::holds_alternative<AppointmentRejected>(event.data) ||
         std::holds_alternative<AppointmentCancelled>(event.data);
}

Decision one_event(EventData event) {
  Decision decision;
  decision.events.push_back(std::move(event));
  return decision;
}

// The precondition shared by what countries say of an appointment.
std::optional<RejectionCode> country_may_speak(const AppointmentState& state,
                                               const CountryCode& country) {
  if (!state.appointment) return RejectionCode::kAppointmentNotFound;
  if (state.appointment->ref.slot.country != country) return RejectionCode::kCountryMismatch;
  return std::nullopt;
}

Appointment requested(const AppointmentRequested& request, const Event& event) {
  return {.ref = request.ref,
          .details = request.details,
          .lifecycle = Lifecycle::kRequested,
          .requested_at = event.position,
          .changed_at = event.position};
}

void move_to(std::optional<Appointment>& appointment, Lifecycle lifecycle, Position at) {
  // An end without a beginning would mean that the log lies about its own tag.
  CHECK(appointment.has_value());
  appointment->lifecycle = lifecycle;
  appointment->changed_at = at;
}

void apply(std::optional<Appointment>& appointment, const Event& event) {
  std::visit(Match{[&](const AppointmentRequested& data) { appointment = requested(data, event); },
                   [&](const AppointmentConfirmed&) {
                     move_to(appointment, Lifecycle::kBooked, event.position);
                   },
                   [&](const AppointmentRejected&) {
                     move_to(appointment, Lifecycle::kRejected, event.position);
                   },
                   [&](const AppointmentCancelled&) {
                     move_to(appointment, Lifecycle::kCancelled, event.position);
                   },
                   // They name an appointment, and leave it as it is.
                   [](const DeadLetterRecorded&) {}, [](const DeadLetterRetried&) {},
                   [](const DeadLetterDiscarded&) {}},
             event.data);
}

}  // namespace

std::vector<RejectionCode> policy_violations(const RequestAppointment& command, Timestamp now,
                                             const std::set<CountryCode>& countries) {
  std::vector<RejectionCode> violations;
  if (!countries.contains(command.slot.country)) {
    violations.push_back(RejectionCode::kUnknownCountry);
  }
  if (command.details.date && *command.details.date < now) {
    violations.push_back(RejectionCode::kDateInPast);
  }
  return violations;
}

Decided decide(const SlotState& state, const RequestAppointment& command,
               const BookingContext& context) {
  if (state.holder) {
    const Appointment& held = *state.holder;
    if (held.ref.insured != command.insured) return reject(RejectionCode::kSlotTaken);
    if (held.details != command.details) {
      return reject(RejectionCode::kAlreadyBooked, held.ref.appointment);
    }
    return Decision{.events = {}, .repeats = held.requested_at};
  }
  const auto violations = policy_violations(command, context.now, context.countries);
  if (!violations.empty()) return reject(violations.front());
  return one_event(AppointmentRequested{{context.new_appointment, command.insured, command.slot},
                                        command.details});
}

Decided decide(const AppointmentState& state, const ConfirmAppointment& command,
               const BookingContext&) {
  if (const auto refused = country_may_speak(state, command.country)) return reject(*refused);
  if (state.appointment->lifecycle != Lifecycle::kRequested) return Decision{};
  return one_event(AppointmentConfirmed{state.appointment->ref, command.registration});
}

Decided decide(const AppointmentState& state, const RejectAppointment& command,
               const BookingContext&) {
  if (const auto refused = country_may_speak(state, command.country)) return reject(*refused);
  if (state.appointment->lifecycle != Lifecycle::kRequested) return Decision{};
  return one_event(AppointmentRejected{state.appointment->ref, command.reason});
}

Decided decide(const AppointmentState& state, const CancelAppointment& command,
               const BookingContext&) {
  if (!state.appointment || state.appointment->ref.insured != command.insured) {
    return reject(RejectionCode::kAppointmentNotFound);
  }
  const bool is_stale =
      command.if_changed_at && *command.if_changed_at != state.appointment->changed_at;
  switch (state.appointment->lifecycle) {
    // Its own retry would find it changed by the cancellation that it repeats.
    case Lifecycle::kCancelled:
      return Decision{.events = {}, .repeats = state.appointment->changed_at};
    case Lifecycle::kRejected:
      return reject(RejectionCode::kNotCancellable);
    case Lifecycle::kRequested:
    case Lifecycle::kBooked:
      if (is_stale) return reject(RejectionCode::kChangedSince);
      return one_event(AppointmentCancelled{state.appointment->ref, command.reason});
  }
  CHECK(false);
}

AppointmentState evolve(AppointmentState state, const Event& event) {
  apply(state.appointment, event);
  return state;
}

SlotState evolve(SlotState state, const Event& event) {
  // Whoever held it: after an end the slot is free.
  if (ends_appointment(event)) return SlotState{};
  apply(state.holder, event);
  return state;
}

bool decides_slot(const Event& event) {
  return std::visit(Match{[](const AppointmentRequested&) { return true; },
                          [](const AppointmentRejected&) { return true; },
                          [](const AppointmentCancelled&) { return true; },
                          [](const AppointmentConfirmed&) { return false; },
                          [](const DeadLetterRecorded&) { return false; },
                          [](const DeadLetterRetried&) { return false; },
                          [](const DeadLetterDiscarded&) { return false; }},
                    event.data);
}

}  // namespace citas::commands

#include "events/event_types.h"

#include <algorithm>
#include <array>

namespace citas {
namespace {

// In the order of EventData's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<EventData>> kTypes{
    "citas.appointment.requested.v1", "citas.appointment.confirmed.v1",
    "citas.appointment.rejected.v1",  "citas.appointment.cancelled.v1",
    "citas.deadletter.recorded.v1",   "citas.deadletter.retried.v1",
    "citas.deadletter.discarded.v1",
};

}  // namespace

std::string_view type_of(const EventData& data) { return kTypes[data.index()]; }

bool is_event_type(std::string_view name) {
  return std::ranges::find(kTypes, name) != kTypes.end();
}

std::optional<AppointmentId> appointment_of(const EventData& data) {
  if (const AppointmentRef* ref = ref_of(data)) return ref->appointment;
  return std::visit(
      [](const auto& letter) -> std::optional<AppointmentId> {
        if constexpr (requires { letter.appointment; }) return letter.appointment;
        return std::nullopt;
      },
      data);
}

std::optional<DeadLetterId> dead_letter_of(const EventData& data) {
  return std::visit(
      [](const auto& event) -> std::optional<DeadLetterId> {
        if constexpr (requires { event.ref; }) {
          return std::nullopt;
        } else {
          return event.id;
        }
      },
      data);
}

CountryCode country_of(const EventData& data) {
  return std::visit(
      [](const auto& event) {
        if constexpr (requires { event.ref; }) {
          return event.ref.slot.country;
        } else {
          return event.country;
        }
      },
      data);
}

const AppointmentRef* ref_of(const EventData& data) {
  return std::visit(
      [](const auto& event) -> const AppointmentRef* {
        if constexpr (requires { event.ref; }) return &event.ref;
        return nullptr;
      },
      data);
}

}  // namespace citas

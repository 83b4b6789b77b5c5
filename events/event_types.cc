#include "events/event_types.h"

#include <algorithm>
#include <array>

namespace citas {
namespace {

// In the order of EventData's alternatives.
constexpr std::array<EventTypeInfo, std::variant_size_v<EventData>> kTypes{{
    {"citas.appointment.requested.v1", "appointment.requested"},
    {"citas.appointment.confirmed.v1", "appointment.confirmed"},
    {"citas.appointment.rejected.v1", "appointment.rejected"},
    {"citas.appointment.cancelled.v1", "appointment.cancelled"},
    {"citas.deadletter.recorded.v1", "deadletter.recorded"},
}};

}  // namespace

const EventTypeInfo& type_of(const EventData& data) { return kTypes[data.index()]; }

bool is_event_type(std::string_view name) {
  return std::ranges::any_of(kTypes, [&](const auto& type) { return type.name == name; });
}

std::optional<AppointmentId> appointment_of(const EventData& data) {
  return std::visit(Match{[](const DeadLetterRecorded& letter) { return letter.appointment; },
                          [](const auto& appointment) -> std::optional<AppointmentId> {
                            return appointment.ref.appointment;
                          }},
                    data);
}

CountryCode country_of(const EventData& data) {
  return std::visit(Match{[](const DeadLetterRecorded& letter) { return letter.country; },
                          [](const auto& appointment) { return appointment.ref.slot.country; }},
                    data);
}

}  // namespace citas

// The table of published event types. A name, once published, never changes.
#pragma once

#include <optional>
#include <string_view>

#include "events/event.h"

namespace citas {

struct EventTypeInfo {
  std::string_view name;         // CloudEvents type, e.g. "citas.appointment.requested.v1"
  std::string_view bus_subject;  // the name without prefix and version: "appointment.requested"
};

// The entry of an event's type (the current version).
const EventTypeInfo& type_of(const EventData& data);

// Whether `name` is in the table.
bool is_event_type(std::string_view name);

}  // namespace citas

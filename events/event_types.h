// The table of published event types. A name, once published, never changes.
#pragma once

#include <string_view>

#include "events/event.h"

namespace citas {

// The CloudEvents type of an event (the current version), e.g. "citas.appointment.requested.v1".
std::string_view type_of(const EventData& data);

// Whether `name` is in the table.
bool is_event_type(std::string_view name);

}  // namespace citas

// EventReader: the events of a folder or of a running server, one by one, as they are stored.
#pragma once

#include <functional>
#include <string_view>

#include "events/base/result.h"
#include "ops/citas/audit.h"

namespace citas::ops {

// Returns false to stop.
using EventVisitor = std::function<bool(std::string_view bytes)>;

// Visits, in order of position, at most filter.limit events.
Status read_events(const EventSource& source, const EventFilter& filter, const EventVisitor& visit);

}  // namespace citas::ops

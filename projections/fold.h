// fold(): a small read model made on the spot, of the events with one tag.
#pragma once

#include <cstddef>
#include <memory>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "projections/memory/memory_read_store.h"
#include "projections/projection.h"

namespace citas::projections {

// Events are folded in memory, for one request: no more than this.
inline constexpr std::size_t kMaxFoldedEvents = 10'000;

// What `projection` makes of the events that the query selects, up to query.last. InvalidArgument:
// the log does not reach that far. FailedPrecondition: they are more than kMaxFoldedEvents.
// Corruption, Unavailable: an event could not be read or applied.
Result<std::unique_ptr<MemoryReadStore>> fold(const Projection& projection, const EventLog& log,
                                              const Codec& codec, const TagQuery& events);

}  // namespace citas::projections

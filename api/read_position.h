// Which writes a read reflects, and reads that wait until it does.
#pragma once

#include <optional>

#include "api/dependencies.h"
#include "api/parameters.h"
#include "api/router.h"
#include "events/tags.h"

namespace citas::api {

// What to answer while only `reached` of `feed` is reflected: wait, or, after the wait, the
// problem. nullopt: `minimum` is reached, or was not asked for.
std::optional<Reply> wait_for(std::optional<Position> minimum, Feed feed, Position reached,
                              const http::Request& request);

// The query parameters minPosition and asOf.
struct ReadPoint {
  std::optional<Position> minimum;
  std::optional<Position> as_of;
};
ReadPoint read_point(ParameterReader& reader, const EventLog& log);

// What to answer while a read model has `reached` less than it should reflect: minPosition, and,
// for a read of the present, all that has happened so far to what the read is about, which is the
// last event with `tag`. So a client that reads after a write finds it without minPosition too, and
// other people's writes delay nobody. Where that does not come in time, the read shows what there
// is.
std::optional<Reply> wait_to_reflect(const ReadPoint& point, const Tag& tag, Feed feed,
                                     Position reached, const EventLog& log, const Call& call);

}  // namespace citas::api

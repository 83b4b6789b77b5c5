// Cursors of /events: where the next page begins, bound to the filter it was made for.
//
//   16 hexadecimal digits of the position ‖ 16 of SHA-256(position ‖ epoch ‖ filter)
//
// The digest keeps a cursor from being used with another filter, with a log that was restored to
// its past since (what the pages before it showed may not be in it), or made up by accident. It is
// no secret: whoever computes one reads nothing that the filter alone would not show.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/event_reader.h"

namespace citas::api {

std::string make_event_cursor(Epoch epoch, Position next, const EventsFilter& filter);
// nullopt: not a cursor, or of another epoch or filter.
std::optional<Position> parse_event_cursor(std::string_view text, Epoch epoch,
                                           const EventsFilter& filter);

}  // namespace citas::api

// Cursors of lists in the order of the log: where the next page begins, bound to what the list was
// asked for (its scope).
//
//   16 hexadecimal digits of the position ‖ 16 of SHA-256(position ‖ "\n" ‖ epoch ‖ "\n" ‖ scope)
//
// The digest keeps a cursor from being used with another scope, with a log that was restored to
// its past since (what the pages before it showed may not be in it), or made up by accident. It is
// no secret: whoever computes one reads nothing that the filter alone would not show.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/event_reader.h"

namespace citas::api {

std::string make_position_cursor(Epoch epoch, Position next, std::string_view scope);
// nullopt: not a cursor, or of another epoch or scope.
std::optional<Position> parse_position_cursor(std::string_view text, Epoch epoch,
                                              std::string_view scope);

// The same for /events.
std::string make_event_cursor(Epoch epoch, Position next, const EventsFilter& filter);
std::optional<Position> parse_event_cursor(std::string_view text, Epoch epoch,
                                           const EventsFilter& filter);

}  // namespace citas::api

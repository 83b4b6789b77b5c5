// The responses that routes give.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "events/ids.h"

namespace citas::api {

http::Response json_response(int status, std::string body);

// Citas-Position: of a write its position, of a read what it reflects.
void set_position(http::Response& response, Position position);
// The ETag of a representation that the event at `last_change` changed last:
// `"<epoch>-<position>"`, or `"<epoch>-<position>.<version>"` where a read model made it. The log's
// epoch is part of it, since a log that was restored to its past gives the positions that followed
// to other events; what was read before then counts as changed. So is the read model's version: a
// later program may show the same events otherwise.
void set_entity_tag(http::Response& response, Epoch epoch, Position last_change,
                    std::optional<std::uint32_t> model_version = std::nullopt);
// The position in such a tag, whatever made the representation; nullopt: the tag is weak, of
// another epoch, or not ours.
std::optional<Position> last_change_in(std::string_view entity_tag, Epoch epoch);

// Appends `"pagination":{…}`. An empty `next_cursor` means that there is no more.
void append_pagination(std::string& body, std::size_t limit, std::string_view next_cursor);

// The first header of this name, or "".
std::string_view header_of(const http::Response& response, std::string_view name);

}  // namespace citas::api

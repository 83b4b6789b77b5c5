// The responses that routes give.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "events/ids.h"

namespace citas::api {

http::Response json_response(int status, std::string body);

// Citas-Position: of a write its position, of a read what it reflects.
void set_position(http::Response& response, Position position);
// The ETag of a representation that the event at `last_change` changed last.
void set_entity_tag(http::Response& response, Position last_change);

// Appends `"pagination":{…}`. An empty `next_cursor` means that there is no more.
void append_pagination(std::string& body, std::size_t limit, std::string_view next_cursor);

// The first header of this name, or "".
std::string_view header_of(const http::Response& response, std::string_view name);

}  // namespace citas::api

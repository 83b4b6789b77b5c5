// What HTTP headers say of media types, preferences and known representations.
//
// All take a header's value as http::Headers::joined() gives it: lists joined by commas.
// Source: RFC 9110 (sections 8.3, 12.5.1, 13.1.2), RFC 7240.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace citas::api {

// Whether a Content-Type is application/json, in UTF-8 if it says so.
bool is_json_content_type(std::string_view content_type);

// Of the offered media types the one that `accept` likes best, the earlier of equals; nullopt when
// it excludes all of them. An empty `accept` takes anything.
std::optional<std::string_view> negotiate(std::string_view accept,
                                          std::span<const std::string_view> offered);

// Whether a Prefer header asks for respond-async.
bool prefers_async(std::string_view prefer);

// Whether an If-None-Match holds for this entity tag (`"…"`), by weak comparison.
bool matches_entity_tag(std::string_view if_none_match, std::string_view entity_tag);

}  // namespace citas::api

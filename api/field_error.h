// FieldError: what is wrong with one field of a body, a parameter of a path or query, or a header.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace citas::api {

struct FieldError {
  std::string field;
  std::string_view code;  // stable, snake_case; of static storage
  std::string message;    // starts with the field's name; never shows the value
};

// A rule that a value breaks: "<field> <rule>" is the message. Of static storage.
struct FieldFault {
  std::string_view code;
  std::string_view rule;
};

// Faults that are found in several places.
inline constexpr FieldFault kNotCountry{
    "invalid_country", "must be an ISO 3166-1 alpha-2 code of two upper-case letters"};
inline constexpr FieldFault kNotUuid{"invalid_uuid", "must be a UUID"};
inline constexpr FieldFault kNotCursor{"invalid_cursor",
                                       "must be the nextCursor of a page with the same filters"};
inline constexpr FieldFault kNotPosition{"invalid_position",
                                         "must be a position as Citas-Position gave it"};

// The rule of a closed list: "must be one of" its names.
std::string one_of(std::span<const std::string_view> names);

FieldError field_error(std::string_view field, const FieldFault& fault);
FieldError missing_field(std::string_view field);
FieldError repeated_field(std::string_view field);
// A name that the client chose, valid UTF-8; only its beginning is shown.
FieldError unknown_field(std::string_view field);

}  // namespace citas::api

// Reads a request's JSON object strictly, field by field, without building a document.
//
// Refused as a whole (malformed_json): anything but one object in UTF-8, trailing text, nesting
// beyond kMaxJsonDepth. Refused by name, all at once: unknown, repeated, missing and invalid
// fields. Source: RFC 8259; I-JSON (RFC 7493) for repeated names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "api/problems.h"

namespace citas::api {

inline constexpr std::size_t kMaxJsonDepth = 16;
// Of the unknown fields, only the first so many are named.
inline constexpr std::size_t kMaxUnknownFields = 20;

// A value as it was written. `text` lives only while the reader's callback runs.
struct JsonValue {
  enum class Kind {
    kNull,
    kBoolean,
    kInteger,  // without fraction and exponent, and within std::int64_t
    kNumber,   // any other number
    kString,
    kCompound,  // an object or array; its content is skipped
  };
  Kind kind = Kind::kNull;
  std::int64_t integer = 0;
  std::string_view text = {};
};

struct JsonField {
  std::string_view name;
  bool required = false;
};

// Takes the value of fields[index]; called once at most for each.
using FieldReader =
    std::function<std::optional<FieldFault>(std::size_t index, const JsonValue& value)>;

// The invalid fields, none when all is well; or the problem of a body that could not be read.
// At most 64 fields.
tl::expected<std::vector<FieldError>, Problem> read_object(std::string_view body,
                                                           std::span<const JsonField> fields,
                                                           const FieldReader& read);

}  // namespace citas::api

// FlatJson: strict reading of the small JSON objects that travel between workers.
//
// Accepts one object whose values are strings or non-negative integers, each field once, and only
// the fields that the caller knows. Everything else is refused: nesting, duplicates, unknown
// fields, invalid UTF-8, trailing bytes, more than kMaxFlatJsonSize. Safe on hostile bytes.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/base/result.h"

namespace citas::workers {

inline constexpr std::size_t kMaxFlatJsonSize = 4096;

class FlatJson {
 public:
  // InvalidArgument: says what is wrong, without repeating the input.
  static Result<FlatJson> parse(std::string_view bytes,
                                std::initializer_list<std::string_view> known_fields);

  // nullopt: absent, or of the other kind.
  std::optional<std::string_view> string(std::string_view name) const;
  std::optional<std::uint64_t> number(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

 private:
  using Value = std::variant<std::string, std::uint64_t>;
  struct Field {
    std::string name;
    Value value;
  };
  const Value* find(std::string_view name) const;

  std::vector<Field> fields_;
};

}  // namespace citas::workers

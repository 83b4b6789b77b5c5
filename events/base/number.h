// Whole numbers in text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace citas {

// The number that all of `text` is, in decimal and without a plus or white space; nullopt when it
// is none, or none that an Integer holds.
template <typename Integer>
std::optional<Integer> parse_number(std::string_view text) {
  Integer number{};
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

}  // namespace citas

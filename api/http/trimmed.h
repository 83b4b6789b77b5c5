// Optional white space around what a header says (RFC 9110, section 5.6.3).
#pragma once

#include <string_view>

namespace citas::api::http {

inline std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace citas::api::http

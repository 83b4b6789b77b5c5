// Hexadecimal: written in lower case, read in either.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace citas {

std::string to_hex(std::span<const unsigned char> bytes);

// False when `text` is not exactly 2 * out.size() hexadecimal digits; `out` is then unspecified.
bool from_hex(std::string_view text, std::span<unsigned char> out);

}  // namespace citas

// Unsigned integers as bytes, the most significant first, so that bytes sort as numbers do.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "events/base/check.h"

namespace citas {

template <std::unsigned_integral Integer>
Integer to_big_endian(Integer value) {
  static_assert(std::endian::native == std::endian::little);
  static_assert(sizeof(Integer) == 2 || sizeof(Integer) == 4 || sizeof(Integer) == 8);
  if constexpr (sizeof(Integer) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(Integer) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(Integer) == 8) return __builtin_bswap64(value);
}

template <std::unsigned_integral Integer>
void append_big_endian(std::string& out, Integer value) {
  const Integer swapped = to_big_endian(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}

// The integer at `offset`; the bytes must be there.
template <std::unsigned_integral Integer>
Integer read_big_endian(std::string_view bytes, std::size_t offset = 0) {
  CHECK(offset <= bytes.size() && bytes.size() - offset >= sizeof(Integer));
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return to_big_endian(value);
}

}  // namespace citas

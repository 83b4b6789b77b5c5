// The fields of which keys and values are made.
//
// Integers are big-endian, and times are milliseconds since 1970 with the sign bit flipped, so that
// bytes sort as numbers and times do.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "events/base/time.h"
#include "events/base/uuid.h"

namespace citas::projections {

template <typename Integer>
Integer to_big_endian(Integer value) {
  static_assert(std::endian::native == std::endian::little);
  if constexpr (sizeof(Integer) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(Integer) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(Integer) == 8) return __builtin_bswap64(value);
}

template <typename Integer>
void append_big_endian(std::string& out, Integer value) {
  const Integer swapped = to_big_endian(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}

// The integer at `offset`; the bytes must be there.
template <typename Integer>
Integer read_big_endian(std::string_view bytes, std::size_t offset) {
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return to_big_endian(value);
}

inline constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

inline void append_time(std::string& out, Timestamp time) {
  append_big_endian(out, static_cast<std::uint64_t>(time.time_since_epoch().count()) ^ kSignBit);
}

inline Timestamp read_time(std::string_view bytes, std::size_t offset) {
  const std::uint64_t sortable = read_big_endian<std::uint64_t>(bytes, offset);
  return Timestamp{std::chrono::milliseconds{static_cast<std::int64_t>(sortable ^ kSignBit)}};
}

inline void append_uuid(std::string& out, const Uuid& uuid) {
  out.append(reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size());
}

inline Uuid read_uuid(std::string_view bytes, std::size_t offset) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), bytes.data() + offset, uuid.bytes.size());
  return uuid;
}

}  // namespace citas::projections

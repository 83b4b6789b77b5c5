// Uuid: 128-bit identifiers (RFC 9562): of version 7, which sort by the time of their creation, and
// of version 8, which follow from what they name.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/sha256.h"

namespace citas {

struct Uuid {
  std::array<unsigned char, 16> bytes{};

  // The canonical form, 36 characters, lower case.
  std::string to_string() const;
  // Writes the same 36 characters to `out`, without a terminating zero.
  void write(char* out) const;
  // Any RFC 9562 UUID in canonical form, either case; nullopt for everything else.
  static std::optional<Uuid> parse(std::string_view text);

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

inline constexpr std::size_t kUuidTextSize = 36;

// A version 7 UUID of these milliseconds and 80 random bits (6 of them overwritten by version and
// variant).
Uuid make_uuid_v7(std::uint64_t unix_ms, const std::array<unsigned char, 10>& random);
// A version 8 UUID (section 5.8) of the first bits of a digest: always the same for the same.
Uuid make_uuid_v8(const Sha256& digest);

}  // namespace citas

template <>
struct std::hash<citas::Uuid> {
  std::size_t operator()(const citas::Uuid& uuid) const {
    // The last eight bytes are random in every UUID of ours.
    std::size_t value;
    std::memcpy(&value, uuid.bytes.data() + 8, sizeof value);
    return value;
  }
};

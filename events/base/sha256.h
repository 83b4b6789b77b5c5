// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>

namespace citas {

using Sha256 = std::array<unsigned char, 32>;

// The digest of the parts, one after the other.
Sha256 sha256(std::initializer_list<std::string_view> parts);

inline std::string_view bytes_of(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace citas

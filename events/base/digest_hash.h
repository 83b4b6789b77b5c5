// DigestHash: the hash of a digest, for unordered containers. A digest is as good as random, so its
// first bytes are its hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>

namespace citas {

struct DigestHash {
  template <std::size_t kSize>
  std::size_t operator()(const std::array<unsigned char, kSize>& digest) const {
    static_assert(kSize >= sizeof(std::size_t));
    std::size_t value;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
  }
};

}  // namespace citas

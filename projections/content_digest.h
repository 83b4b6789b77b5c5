// ContentDigest: what a read model contains, in 32 bytes that do not depend on the order in which
// it was written.
//
// The sum modulo 2^256 of SHA-256(length of key as 4 bytes, big-endian ‖ key ‖ value) over all
// entries: an additive multiset hash (Bellare and Micciancio, "A New Paradigm for Collision-Free
// Hashing", 1997). Entries are added and removed one at a time, so keeping it costs a hash per
// change and comparing two read models costs nothing. It finds mistakes and damage; against
// somebody who chooses the entries it would need a larger modulus.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/base/sha256.h"

namespace citas::projections {

// The hash of one entry.
Sha256 entry_hash(std::string_view key, std::string_view value);

class ContentDigest {
 public:
  ContentDigest() = default;
  static ContentDigest from_bytes(const Sha256& bytes);

  void add(const Sha256& entry);
  void remove(const Sha256& entry);

  // Big-endian.
  Sha256 bytes() const;
  std::string to_hex() const;

  friend bool operator==(const ContentDigest&, const ContentDigest&) = default;

 private:
  std::array<std::uint64_t, 4> words_{};  // least significant first
};

}  // namespace citas::projections

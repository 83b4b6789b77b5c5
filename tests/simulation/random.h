// Everything that a simulated run leaves to chance comes from here, and so from its seed.
#pragma once

#include <cstdint>

namespace citas::simulation {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): made in
// no time, unlike the standard's engines, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E37'79B9'7F4A'7C15);
    z = (z ^ (z >> 30U)) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ (z >> 27U)) * 0x94D0'49BB'1331'11EB;
    return z ^ (z >> 31U);
  }
  // 0 … bound - 1.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(std::uint64_t per_mille) { return per_mille > 0 && below(1000) < per_mille; }

 private:
  std::uint64_t state_;
};

}  // namespace citas::simulation

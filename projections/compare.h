// Comparing what two read models hold, entry by entry.
#pragma once

#include <cstdint>

#include "events/base/result.h"
#include "projections/read_store.h"

namespace citas::projections {

struct Differences {
  std::uint64_t missing = 0;  // in the expected one only
  std::uint64_t extra = 0;    // in the actual one only
  std::uint64_t changed = 0;  // in both, with another value
  bool none() const { return missing == 0 && extra == 0 && changed == 0; }
  friend bool operator==(const Differences&, const Differences&) = default;
};

// Reads both from one end to the other. Corruption, Unavailable: one of them cannot be read.
Result<Differences> compare(ReadView& expected, ReadView& actual);

}  // namespace citas::projections

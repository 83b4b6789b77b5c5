// Which of a number of things are tried.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace citas::torture {

// Numbers from 1 to `all`: `cycles` of them, evenly spread, the first and the last among them; all
// of them for 0.
inline std::vector<std::uint64_t> chosen(std::uint64_t all, std::uint64_t cycles) {
  const std::uint64_t count = cycles == 0 ? all : std::min(cycles, all);
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t turn = 0; turn < count; ++turn) {
    numbers.push_back(count == 1 ? 1 : 1 + turn * (all - 1) / (count - 1));
  }
  return numbers;
}

}  // namespace citas::torture

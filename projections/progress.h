// Progress of a rebuild or a replay, for bars and log lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace citas::projections {

struct Progress {
  std::uint64_t done = 0;   // events
  std::uint64_t total = 0;  // events, as far as is known now
  std::chrono::milliseconds elapsed{0};

  double events_per_second() const;
  double percent() const;  // 0 … 100
  // nullopt while nothing is known about the speed.
  std::optional<std::chrono::milliseconds> eta() const;
};

// Called now and then by what takes long, on its own thread. May be empty.
using ProgressCallback = std::function<void(const Progress&)>;

}  // namespace citas::projections

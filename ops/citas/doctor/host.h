// What the machine gives the server: files, memory, cores, and the time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "events/base/time.h"
#include "ops/citas/doctor/finding.h"

namespace citas::ops::doctor {

struct LimitFacts {
  std::string whose;              // "the server" or "this shell"
  std::uint64_t open_files = 0;   // up to which the server raises its own limit
  std::uint64_t connections = 0;  // that the server would accept
  std::uint64_t memory_bytes = 0;
  unsigned cores = 0;
};

struct ClockFacts {
  Timestamp now;
  std::optional<Timestamp> latest;   // of the log's events
  std::optional<bool> synchronised;  // as the kernel has been told; nullopt: it does not say
  std::chrono::microseconds uncertainty{0};
};

// The limits of the running server; without one, of this process, as it would hand them on.
LimitFacts look_at_limits(std::optional<pid_t> server);
ClockFacts look_at_clock(std::optional<Timestamp> latest_event);
// Whether somebody keeps the clock right; nullopt: the kernel may not be asked.
std::optional<bool> clock_is_synchronised();

Findings check_limits(const LimitFacts& facts);
Findings check_clock(const ClockFacts& facts);

}  // namespace citas::ops::doctor

// `citas tour`: plays the main job against a running server, over real HTTP, and checks that
// everything adds up. Books appointments of generated insureds, with contended slots, retries and
// cancellations; waits until each is settled; rebuilds the projections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ops/citas/terminal.h"

namespace citas::ops {

struct TourOptions {
  std::string url = "http://127.0.0.1:8080";
  std::size_t requests = 4'000;
  std::size_t clients = 16;
  std::uint64_t seed = 1;
  Output output = Output::kTable;
  bool quiet = false;
};

// Returns the process's exit code: kExitMismatch when something does not add up.
int tour(const TourOptions& options);

}  // namespace citas::ops

// A look at a NATS server from outside, on a connection of its own: whether it lets us in, and what
// it has. Changes nothing there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workers/nats/nats_options.h"

namespace citas::workers {

enum class Connecting {
  kConnected,
  kRefused,      // it answers, and wants other credentials
  kUnreachable,  // no answer in time, or none that makes sense
};

struct ServerProbe {
  Connecting connecting = Connecting::kUnreachable;
  std::string reason;  // why not connected; empty when it is
  bool jetstream = false;
  // What streams of this account may take on disk; nullopt: as much as the server has.
  std::optional<std::uint64_t> max_store_bytes;
  std::uint64_t used_store_bytes = 0;
  std::vector<std::string> missing_streams;  // of those asked for
};

// Waits two seconds for each answer at most. `streams`: names to look for.
ServerProbe probe_server(const NatsOptions& target, const std::vector<std::string>& streams = {});

}  // namespace citas::workers

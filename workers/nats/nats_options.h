// NatsOptions: how to reach a NATS server.
#pragma once

#include <chrono>
#include <string>

#include "workers/nats/silence_watch.h"

namespace citas::workers {

struct NatsOptions {
  std::string url;   // "nats://host:port", several separated by commas
  std::string user;  // empty: as in the URL, or none
  std::string password;
  std::string name = "citas";  // shown in the server's logs
  std::chrono::milliseconds connect_timeout{std::chrono::seconds{2}};
  // Bounds every management call.
  std::chrono::milliseconds request_timeout{std::chrono::seconds{5}};
  std::chrono::milliseconds reconnect_wait{250};
  SilenceLimits silence = {};
};

}  // namespace citas::workers

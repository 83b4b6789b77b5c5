// SilenceWatch: ends connections to a NATS server on which nothing comes any more.
//
// nats.c 3.4.1 waits for the answer to its CONNECT without a deadline, with its lock held, at full
// speed and taking memory; even closing the connection then waits. A server that greets and says
// nothing more (its disk hangs, or the way back is cut) would have it do so until the kernel gives
// the connection up, a quarter of an hour later. Only the end of the socket ends that, and nats.c
// does not tell which it is: so this looks at all connections of this process to the server's
// ports, and at what the kernel knows of them.
//
// What it ends is dead: a connection in use hears the answer to a ping every ten seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <stop_token>
#include <thread>

namespace citas::workers {

struct SilenceLimits {
  // After the greeting, or before it. Longer than the connect timeout of nats.c.
  std::chrono::milliseconds after_greeting{std::chrono::seconds{3}};
  // Longer than two pings take to be answered.
  std::chrono::milliseconds later{std::chrono::seconds{25}};
};

// Of this process, to one of these ports. Returns how many it has ended.
int end_silent_connections(const std::set<std::uint16_t>& ports, const SilenceLimits& limits);

// Looks twice a second while `is_needed`, which must be thread-safe, says so.
class SilenceWatch {
 public:
  SilenceWatch(std::set<std::uint16_t> ports, const SilenceLimits& limits,
               std::function<bool()> is_needed);

 private:
  void run(const std::stop_token& stop) const;

  const std::set<std::uint16_t> ports_;
  const SilenceLimits limits_;
  const std::function<bool()> is_needed_;
  std::jthread thread_;
};

}  // namespace citas::workers

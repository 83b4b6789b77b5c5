// A running server, asked from outside, and the address that it listens at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "ops/citas/doctor/finding.h"
#include "ops/citas/doctor/process.h"
#include "ops/citas/options.h"

namespace citas::ops::doctor {

// A socket that listens, as /proc/net/tcp and tcp6 show it.
struct ListeningSocket {
  std::string address;  // hexadecimal, in the kernel's order
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
};
std::vector<ListeningSocket> listening_in(std::string_view proc_net_tcp);
// Whether nobody can listen at `address` beside it.
bool is_in_the_way(const ListeningSocket& socket, const ListenAddress& address);

struct PortFacts {
  ListenAddress listen;
  bool taken = false;
  std::optional<Process> by;    // nullopt: of another user
  std::optional<pid_t> server;  // who holds the data folder
};

// Binds nothing.
PortFacts look_at_port(const ListenAddress& listen, std::optional<pid_t> server);
Finding check_port(const PortFacts& facts);

// A line for each part of what /readyz?verbose answered, or one for its silence.
Findings check_server(const std::string& url, const Result<std::string>& answer);

}  // namespace citas::ops::doctor

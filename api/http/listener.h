// The listening socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "events/base/descriptor.h"
#include "events/base/result.h"

namespace citas::api::http {

struct Accepted {
  Descriptor socket;        // non-blocking, TCP_NODELAY
  std::string remote_addr;  // numeric
};

class Listener {
 public:
  // See Server::start() for the errors.
  static Result<Listener> open(const std::string& address, std::uint16_t port, int backlog);

  std::uint16_t port() const { return port_; }
  int fd() const { return socket_.get(); }

  // An empty socket when nobody waits. kUnavailable when the process or the machine is out of
  // descriptors or memory: pause before trying again.
  Result<Accepted> accept() const;

 private:
  Listener(Descriptor socket, std::uint16_t port) : socket_(std::move(socket)), port_(port) {}

  Descriptor socket_;
  std::uint16_t port_;
};

// Raises this process's soft limit of open files to its hard limit. Returns the limit then.
std::size_t raise_descriptor_limit();

}  // namespace citas::api::http

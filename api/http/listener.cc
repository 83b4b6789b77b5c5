#include "api/http/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace citas::api::http {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  const sockaddr_in& v4() const { return reinterpret_cast<const sockaddr_in&>(storage); }
  const sockaddr_in6& v6() const { return reinterpret_cast<const sockaddr_in6&>(storage); }
};

std::optional<Address> parse_address(const std::string& text, std::uint16_t port) {
  Address address;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&address.storage, &v4, sizeof(v4));
    address.size = sizeof(v4);
    return address;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    std::memcpy(&address.storage, &v6, sizeof(v6));
    address.size = sizeof(v6);
    return address;
  }
  return std::nullopt;
}

std::string host_of(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = address.storage.ss_family == AF_INET
                          ? static_cast<const void*>(&address.v4().sin_addr)
                          : static_cast<const void*>(&address.v6().sin6_addr);
  inet_ntop(address.storage.ss_family, bytes, text.data(), text.size());
  return text.data();
}

std::uint16_t port_of(const Address& address) {
  return ntohs(address.storage.ss_family == AF_INET ? address.v4().sin_port
                                                    : address.v6().sin6_port);
}

void enable(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof(on));
}

tl::unexpected<Error> cannot_listen(const std::string& where) {
  const int error = errno;
  const std::string why = std::generic_category().message(error);
  if (error == EADDRINUSE) {
    return failure(ErrorCode::kUnavailable, "cannot listen on " + where +
                                                ": the port is in use by another program; stop "
                                                "that, or choose another port");
  }
  return failure(ErrorCode::kInvalidArgument, "cannot listen on " + where + ": " + why);
}

// Failures of one connection's handshake, which say nothing about the next one.
bool is_passing(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

}  // namespace

Result<Listener> Listener::open(const std::string& address, std::uint16_t port, int backlog) {
  const std::string where = address + " port " + std::to_string(port);
  auto local = parse_address(address, port);
  if (!local) {
    return failure(ErrorCode::kInvalidArgument, address + " is not an IPv4 or IPv6 address");
  }
  Descriptor socket(
      ::socket(local->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return cannot_listen(where);
  enable(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (::bind(socket.get(), local->raw(), local->size) != 0) return cannot_listen(where);
  if (::listen(socket.get(), backlog) != 0) return cannot_listen(where);
  ::getsockname(socket.get(), local->raw(), &local->size);
  return Listener(std::move(socket), port_of(*local));
}

Result<Accepted> Listener::accept() const {
  while (true) {
    Address peer;
    Descriptor socket(
        ::accept4(socket_.get(), peer.raw(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      enable(socket.get(), IPPROTO_TCP, TCP_NODELAY);
      return Accepted{std::move(socket), host_of(peer)};
    }
    if (errno == EAGAIN) return Accepted{};
    if (!is_passing(errno)) {
      return failure(ErrorCode::kUnavailable,
                     "cannot accept: " + std::generic_category().message(errno));
    }
  }
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

}  // namespace citas::api::http

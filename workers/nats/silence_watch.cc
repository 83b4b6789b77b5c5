#include "workers/nats/silence_watch.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "events/base/thread_name.h"

namespace citas::workers {
namespace {

constexpr std::chrono::milliseconds kInterval{500};

// nullopt: it is no TCP connection.
std::optional<std::uint16_t> peer_port(int descriptor) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in&>(peer).sin_port);
  if (peer.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6&>(peer).sin6_port);
  return {};
}

// A second descriptor of the same socket: what this process closes and opens meanwhile does not
// change which connection is meant. Others' sockets are left alone: a second one would keep what
// they close open, and watched by their epoll.
class Socket {
 public:
  explicit Socket(int descriptor) : duplicate_(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) {}
  ~Socket() {
    if (duplicate_ >= 0) ::close(duplicate_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int get() const { return duplicate_; }
  std::optional<tcp_info> info() const;
  void end() const { ::shutdown(duplicate_, SHUT_RDWR); }

 private:
  const int duplicate_;
};

std::optional<tcp_info> Socket::info() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(duplicate_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return info;
}

bool is_silent(const tcp_info& info, const SilenceLimits& limits) {
  const bool is_greeted_at_most = info.tcpi_data_segs_in <= 1;
  const auto limit = is_greeted_at_most ? limits.after_greeting : limits.later;
  return std::chrono::milliseconds{info.tcpi_last_data_recv} > limit;
}

bool end_if_silent(int descriptor, const std::set<std::uint16_t>& ports,
                   const SilenceLimits& limits) {
  const auto leads_there = [&](int which) {
    const auto port = peer_port(which);
    return port && ports.contains(*port);
  };
  if (!leads_there(descriptor)) return false;
  const Socket socket(descriptor);
  if (!leads_there(socket.get())) return false;
  const auto info = socket.info();
  if (!info || !is_silent(*info, limits)) return false;
  socket.end();
  return true;
}

}  // namespace

int end_silent_connections(const std::set<std::uint16_t>& ports, const SilenceLimits& limits) {
  int ended = 0;
  std::error_code error;
  std::filesystem::directory_iterator each("/proc/self/fd", error);
  for (; !error && each != std::filesystem::directory_iterator{}; each.increment(error)) {
    const std::string name = each->path().filename();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    ended += end_if_silent(descriptor, ports, limits) ? 1 : 0;
  }
  return ended;
}

SilenceWatch::SilenceWatch(std::set<std::uint16_t> ports, const SilenceLimits& limits,
                           std::function<bool()> is_needed)
    : ports_(std::move(ports)),
      limits_(limits),
      is_needed_(std::move(is_needed)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void SilenceWatch::run(const std::stop_token& stop) const {
  name_this_thread("bus-silence");
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stopped.wait_for(lock, stop, kInterval, [&] { return stop.stop_requested(); })) {
    if (is_needed_()) end_silent_connections(ports_, limits_);
  }
}

}  // namespace citas::workers

// A server that greets as NATS does, and then does what a test wants: for what no nats-server can
// be brought to do.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace citas::testing {

// One of its connections. One thread.
class GreetedClient {
 public:
  explicit GreetedClient(int socket) : socket_(socket) {}
  ~GreetedClient() { ::close(socket_); }
  GreetedClient(const GreetedClient&) = delete;
  GreetedClient& operator=(const GreetedClient&) = delete;

  void send(std::string_view text) const {
    static_cast<void>(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL));
  }
  // Reads until the client has sent this; false when it hangs up, or nothing comes for so long.
  bool hears(std::string_view text, std::chrono::milliseconds patience) {
    while (heard_.find(text) == std::string::npos) {
      pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&readable, 1, static_cast<int>(patience.count())) != 1) return false;
      char bytes[4096];
      const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
      has_left_ = count <= 0;
      if (has_left_) return false;
      heard_.append(bytes, static_cast<std::size_t>(count));
    }
    return true;
  }
  bool has_left() const { return has_left_; }
  const std::string& heard() const { return heard_; }

 private:
  const int socket_;
  std::string heard_;
  bool has_left_ = false;
};

// Serves one client after the other, on a thread of its own.
class GreetingServer {
 public:
  explicit GreetingServer(std::function<void(GreetedClient&)> serve)
      : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    static_cast<void>(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address));
    ::listen(listener_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~GreetingServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }
  GreetingServer(const GreetingServer&) = delete;
  GreetingServer& operator=(const GreetingServer&) = delete;

  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 20) != 1) continue;
      GreetedClient client(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
      client.send("INFO {\"server_id\":\"TEST\",\"headers\":true,\"max_payload\":1048576}\r\n");
      serve_(client);
    }
  }

  const std::function<void(GreetedClient&)> serve_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

}  // namespace citas::testing

// What the tests of the HTTP front share: a scripted application, and a client that sends bytes.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/server.h"
#include "events/base/descriptor.h"

namespace citas::api::http {

using namespace std::chrono_literals;

// How long a test waits for what must happen. Only a failing test takes so long.
constexpr std::chrono::milliseconds kPatience{60'000};

// True as soon as `condition` is.
bool eventually(const std::function<bool()>& condition);

Response text(std::string body, int status = 200);

// Answers with what the request was, unless told otherwise. Set the hooks before serving.
class ScriptedApplication final : public Application {
 public:
  std::function<Outcome(const Request&)> on_handle;
  std::atomic<Pool> pool{Pool::kInline};
  std::atomic<int> handled{0};
  std::atomic<int> responses{0};

  Pool classify(const Request&) const noexcept override { return pool; }
  Outcome handle(const Request& request) override;
  Response refuse(const Refusal& refusal, const Request& request) override;
  void on_response(const Request& request, const Response& response,
                   std::chrono::nanoseconds duration) override;
};

struct Answer {
  int status = 0;
  std::vector<Field> headers;
  std::string body;

  std::optional<std::string> header(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
};

// A client's connection. Calls fail the test instead of waiting for ever.
class Client {
 public:
  // `receive_buffer` bytes of kernel memory for what comes in, 0 for the usual.
  explicit Client(std::uint16_t port, int receive_buffer = 0);

  // False when the server did not take all of it.
  bool send(std::string_view bytes);
  // Says that nothing more will be sent.
  void finish_sending();
  // The next response; status 0 when the connection ended instead.
  Answer receive(bool has_body = true);
  Answer ask(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Everything until the server closes; nothing when that does not happen in time.
  std::optional<std::string> rest();
  // At least one byte more, or the end.
  bool receive_some();
  const std::string& received() const { return received_; }
  // Ends the connection with a reset.
  void reset();
  void close() { socket_ = Descriptor(); }

 private:
  std::string take_line();
  std::string take(std::size_t bytes);
  std::string take_chunks();

  Descriptor socket_;
  std::string received_;
};

class Gate {
 public:
  void open() { promise_.set_value(); }
  void pass() { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

// Holds every request until the gate is opened.
std::function<Outcome(const Request&)> behind(Gate& gate);

// A server with the scripted application.
class HttpTest : public ::testing::Test {
 protected:
  void SetUp() override { options.io_threads = 2; }

  // Serves with `options` as they are then.
  void serve();
  Client connect() const { return Client(server->port()); }
  static std::string get(std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n";
  }
  static std::string numbered(std::uint64_t number) {
    return std::string("/").append(std::to_string(number));
  }
  static std::string post(std::string_view path, std::string_view body) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }

  Options options;
  ScriptedApplication application;
  std::unique_ptr<Server> server;
};

}  // namespace citas::api::http

// citas_echo_server: the least that can be served on the HTTP front, as the limit that the real
// server is measured against. GET answers a short JSON text, POST answers the body.
//
// Prints its address on stdout, serves until SIGINT or SIGTERM, then drains.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <iostream>
#include <string>

#include "api/http/server.h"

namespace {

namespace http = citas::api::http;

class Echo final : public http::Application {
 public:
  // GET answers a JSON text of `get_bytes`, or a little more where that is too short for one.
  Echo(http::Pool pool, bool deferred, std::size_t get_bytes) : pool_(pool), deferred_(deferred) {
    const std::size_t padding = get_bytes - std::min(get_bytes, hello_.size());
    hello_.insert(hello_.size() - 2, padding, '!');
  }

  http::Pool classify(const http::Request&) const noexcept override { return pool_; }

  http::Outcome handle(const http::Request& request) override {
    http::Response response = answer(request);
    if (!deferred_) return response;
    return http::Deferred([response = std::move(response)](const http::Completion& completion) {
      completion.complete([response] { return response; });
    });
  }

  http::Response answer(const http::Request& request) const {
    http::Response response;
    response.headers.push_back({"Content-Type", "application/json"});
    response.body = request.method == "POST" ? request.body : hello_;
    return response;
  }

  http::Response refuse(const http::Refusal& refusal, const http::Request&) override {
    http::Response response;
    response.status = refusal.status;
    response.body = refusal.detail;
    return response;
  }

  void on_response(const http::Request&, const http::Response&, std::chrono::nanoseconds) override {
  }

 private:
  http::Pool pool_;
  bool deferred_;
  std::string hello_ = R"({"message":"hello"})";
};

const std::map<std::string, http::Pool> kPools = {{"inline", http::Pool::kInline},
                                                  {"reader", http::Pool::kReader},
                                                  {"writer", http::Pool::kWriter}};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Echo server on the citas HTTP front"};
  http::Options options;
  std::string pool = "inline";
  app.add_option("--port", options.port, "port to listen on, 0 for any");
  app.add_option("--threads", options.io_threads, "I/O threads")->check(CLI::Range(1, 64));
  app.add_option("--pool", pool, "where requests are handled: inline, reader or writer")
      ->check(CLI::IsMember(kPools));
  bool deferred = false;
  app.add_flag("--deferred", deferred, "answer through a completion, as durable writes do");
  std::size_t get_bytes = 0;
  app.add_option("--get-bytes", get_bytes, "size of what GET answers");
  CLI11_PARSE(app, argc, argv);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Echo echo(kPools.at(pool), deferred, get_bytes);
  http::Server server(echo, options);
  if (const auto started = server.start(); !started) {
    std::cerr << started.error().message << '\n';
    return 1;
  }
  std::cout << "http://127.0.0.1:" << server.port() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  server.drain(std::chrono::seconds{2});
  server.stop();
  return 0;
}

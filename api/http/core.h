// What the server's event loops share.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "api/http/body_budget.h"
#include "api/http/server.h"
#include "api/http/transcriber.h"
#include "api/http/work_pool.h"

namespace citas::api::http {

// Members are thread-safe.
struct Core {
  Core(Application& served, const Options& chosen);

  Application& application;
  const Options options;
  // What the limit of open files leaves of Options::max_connections; set before any thread starts.
  std::size_t max_connections = 0;
  std::size_t turned_away = 0;  // beyond it that may be open at once, to be told so
  std::atomic<bool> draining{false};
  std::atomic<bool> listening{false};                          // connections may still come in
  std::array<std::atomic<std::uint64_t>, kFeeds> positions{};  // how far Server::advance() came
  std::atomic<std::size_t> open{0};        // connections, those over the limit included
  std::atomic<std::uint64_t> rejected{0};  // connections
  const std::shared_ptr<BodyBudget> bodies;
  std::mutex empty_mutex;         // for waiting on `empty`
  std::condition_variable empty;  // is_empty() may have become true
  const Transcriber transcriber;
  WorkPool readers;
  WorkPool writers;

  void connection_closed();
  // Called when the last connection that will ever come is counted in `open`.
  void listener_closed();
  // No connection, and none to come.
  bool is_empty() const { return !listening && open == 0; }
};

}  // namespace citas::api::http

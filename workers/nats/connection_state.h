// ConnectionState: what nats.c's callbacks tell about one connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "workers/wakeup.h"

namespace citas::workers {

// Thread-safe.
class ConnectionState {
 public:
  explicit ConnectionState(Wakeup& wakeup) : wakeup_(&wakeup) {}

  bool connected() const { return connected_.load(std::memory_order_acquire); }
  // How often a connection was established.
  std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
  std::string describe() const;

  void established();
  // An empty reason leaves the one that was given before.
  void lost(std::string reason);
  // Lost, and nobody tries to establish it again until begin_again().
  void given_up(std::string reason);
  void begin_again() { given_up_.store(false, std::memory_order_release); }
  bool is_given_up() const { return given_up_.load(std::memory_order_acquire); }
  // No wakeup is notified after this returns.
  void detach();

 private:
  void announce();

  std::atomic<bool> connected_{false};
  std::atomic<bool> given_up_{false};
  std::atomic<std::uint64_t> count_{0};
  mutable std::mutex mutex_;
  std::string reason_ = "not connected yet";  // guarded by mutex_
  Wakeup* wakeup_;                            // guarded by mutex_
};

}  // namespace citas::workers

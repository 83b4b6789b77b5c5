#include "workers/nats/connection_state.h"

#include <utility>

namespace citas::workers {

std::string ConnectionState::describe() const {
  if (connected()) return "connected";
  std::scoped_lock lock(mutex_);
  return "disconnected: " + reason_;
}

void ConnectionState::established() {
  ++count_;
  connected_.store(true, std::memory_order_release);
  announce();
}

void ConnectionState::lost(std::string reason) {
  connected_.store(false, std::memory_order_release);
  {
    std::scoped_lock lock(mutex_);
    if (!reason.empty()) reason_ = std::move(reason);
  }
  announce();
}

void ConnectionState::given_up(std::string reason) {
  lost(std::move(reason));
  given_up_.store(true, std::memory_order_release);
}

void ConnectionState::detach() {
  std::scoped_lock lock(mutex_);
  wakeup_ = nullptr;
}

void ConnectionState::announce() {
  std::scoped_lock lock(mutex_);
  if (wakeup_ != nullptr) wakeup_->notify();
}

}  // namespace citas::workers

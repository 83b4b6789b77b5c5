// Supervision: decides what the service manager is told: ready when it serves, alive while it
// moves.
//
// A sign of life means that every part has moved since the last one. A sequencer that hangs on a
// dead disk, or an event loop that hangs in a handler, stops the signs, and the manager starts the
// server again. In the same way a start may take as long as it needs while it goes on, and no
// longer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "events/base/clock.h"
#include "ops/citas/service_manager.h"

namespace citas::ops {

// What is supervised. All are called on the supervising thread.
struct SupervisedParts {
  // A count for each part, which grows while the part lives, idle or not.
  std::function<std::vector<std::uint64_t>()> beats;
  // How much is left to do until it serves; 0: it serves.
  std::function<std::uint64_t()> left_to_start;
  // One line for operators.
  std::function<std::string()> status;
};

// For one thread. Borrows manager and clock.
class Supervision {
 public:
  Supervision(ServiceManager& manager, SupervisedParts parts, const Clock& clock);

  // When step() wants to be called next: soon, until it has been ready.
  std::chrono::milliseconds interval() const;
  void step();

 private:
  void step_start();
  void step_watchdog();
  void tell_status();

  ServiceManager& manager_;
  const SupervisedParts parts_;
  const Clock& clock_;
  const std::optional<std::chrono::microseconds> watchdog_;
  const std::chrono::milliseconds interval_;
  bool ready_ = false;
  std::uint64_t left_ = UINT64_MAX;
  std::optional<Clock::Monotonic> last_sign_;
  std::vector<std::uint64_t> seen_;  // beats at the last sign
  std::string told_;
};

// While it lives, asks the manager for more time for as long as the thread that made it uses the
// processor: recovering a log takes as long as it takes, and waiting for a dead disk is no
// progress.
class StartExtension {
 public:
  explicit StartExtension(ServiceManager& manager);

 private:
  std::mutex mutex_;
  std::condition_variable_any never_;
  std::jthread thread_;
};

}  // namespace citas::ops

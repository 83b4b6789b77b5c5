// WorkerThread: the thin loop around pieces. The only place of the fan-out that waits.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "workers/piece.h"
#include "workers/wakeup.h"

namespace citas::workers {

// Steps its pieces in turn until none has anything to do, then sleeps until the wakeup is notified,
// or a short time has passed (which is for the clocks of the pieces: retries, scans).
class WorkerThread {
 public:
  // Borrows wakeup and pieces, which are this thread's alone until it is destroyed. `on_fatal` is
  // called on it when a piece fails for good; nothing is stepped after that. `may_step` is asked
  // before each round (is there room on the disk?); while it says no, the pieces pause.
  WorkerThread(
      std::string name, Wakeup& wakeup, std::vector<Piece*> pieces,
      std::function<void(std::string_view piece, const Error&)> on_fatal,
      std::function<bool()> may_step = [] { return true; });
  // Stops after the current step, and joins.
  ~WorkerThread();
  // Stops after the current step. Any thread.
  void request_stop();
  // Whether it has ended, or does so in time. Any thread.
  bool ends_by(std::chrono::steady_clock::time_point deadline) const;
  // Grows at least every few hundred milliseconds while the thread lives, and stands still while a
  // step hangs. Any thread.
  std::uint64_t beats() const { return beats_; }
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

 private:
  void run(const std::stop_token& stop);
  void step_until_stopped(const std::stop_token& stop);
  // False when a piece has failed for good.
  bool step_all(bool& worked);
  void pause_all();

  const std::string name_;
  Wakeup& wakeup_;
  const std::vector<Piece*> pieces_;
  const std::function<void(std::string_view, const Error&)> on_fatal_;
  const std::function<bool()> may_step_;
  bool pauses_ = false;
  std::atomic<std::uint64_t> beats_{0};
  std::promise<void> end_;
  const std::shared_future<void> ended_ = end_.get_future().share();
  std::jthread thread_;
};

}  // namespace citas::workers

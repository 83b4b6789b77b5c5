// Wakeup: how a driver thread sleeps until one of the things that it serves has news.
//
// Pieces never wait: they are stepped. Only the thread that steps them waits, here; a bus adapter,
// a log or a sequencer calls notify() from any thread. Notifying a thread that is awake costs one
// atomic exchange and no system call.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace citas::workers {

// Thread-safe. One thread waits, any thread notifies.
class Wakeup {
 public:
  void notify() {
    if (signaled_.exchange(true, std::memory_order_acq_rel)) return;
    std::scoped_lock lock(mutex_);
    changed_.notify_one();
  }

  // Returns at once when notified since the last call, else at the next notification or after
  // `timeout`. True when notified.
  bool wait_for(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [this] { return signaled_.load(std::memory_order_acquire); });
    return signaled_.exchange(false, std::memory_order_acq_rel);
  }

 private:
  std::atomic<bool> signaled_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace citas::workers

// Threads that work through a bounded queue of exchanges.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/http/exchange.h"

namespace citas::api::http {

struct Connection;
class Inbox;

// An exchange away from its connection.
struct Job {
  Connection* connection = nullptr;  // known to the loop that owns it; nobody else looks inside
  std::unique_ptr<Exchange> exchange;
  Inbox* home = nullptr;  // of that loop; where the exchange goes back to
};

// Thread-safe.
class WorkPool {
 public:
  using Work = std::function<void(Job)>;

  WorkPool(std::size_t threads, std::size_t capacity, Work work);
  ~WorkPool();  // stops
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // Takes the job, unless `capacity` others wait already; then leaves it and returns false.
  bool submit(Job& job);

  // Drops what waits, and returns when the threads have finished what they were doing.
  void stop();

 private:
  void run();

  const std::size_t capacity_;
  const Work work_;
  std::mutex mutex_;  // guards the two below
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::condition_variable ready_;
  std::vector<std::jthread> threads_;
};

}  // namespace citas::api::http

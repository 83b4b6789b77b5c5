// Counter: a number that one thread raises and any thread reads, for metrics. Trouble: the same for
// a sentence.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace citas::workers {

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// What does not work at present, for operators; empty when all is well.
class Trouble {
 public:
  void set(std::string text) {
    std::scoped_lock lock(mutex_);
    text_ = std::move(text);
  }
  std::string text() const {
    std::scoped_lock lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;  // guarded by mutex_
};

// What a consumer of messages has done since its start.
struct ConsumerCounters {
  Counter deliveries;    // messages received
  Counter redeliveries;  // of those, not for the first time
  Counter completed;     // done with, and acknowledged
  Counter retries;       // put back, to be delivered again later
  Counter dead_letters;  // given up, and the dead letter is on the bus
  Counter recreations;   // of its durable consumer, which did not fit stream or store
};

}  // namespace citas::workers

// Notices a country's rules that do not come back.
//
// A check that fails is tried again, and one that crashes ends its process: both are counted, and
// end in a dead letter. One that hangs would stand in the way of all that comes behind it, for
// ever. Nothing can end a thread from outside, so whoever watches has to end the process; the try
// was counted before it began, and the next process knows whom to try last.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "workers/country_rules.h"

namespace citas::workers {

// Rules answer within microseconds. Twice this (a message hangs its group, and then alone), and two
// starts of a worker, are what its neighbours wait.
inline constexpr std::chrono::milliseconds kDefaultCheckLimit{200};

// Rules that tell whether one of their checks is under way. check() by one thread.
class WatchedRules final : public CountryRules {
 public:
  // Borrows.
  explicit WatchedRules(const CountryRules& rules) : rules_(rules) {}

  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override;
  // Grows when a check begins and when it ends: odd during one. Any thread.
  std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

 private:
  const CountryRules& rules_;
  mutable std::atomic<std::uint64_t> turns_{0};
};

// Tells a check that hangs: one that was seen under way at a look, and at each of the next ten.
// Looks are counted and not time, so that a process that was stopped, or had no processor, is not
// taken for one that hangs. One thread.
class HangWatch {
 public:
  static constexpr int kLooks = 10;
  enum class News { kNone, kHangs, kMovedOn };

  // `turns`: those of the rules, now. kHangs once for each check; kMovedOn once after it.
  News look(std::uint64_t turns);

 private:
  std::uint64_t seen_ = 0;
  int looks_ = 0;  // at which it was the same, after the first
};

// Watches on a thread of its own.
class HangWatchThread {
 public:
  struct Hooks {
    std::function<void()> on_hang;
    std::function<void()> on_moved_on = [] {};
  };
  // Borrows the rules. A check that takes `limit` hangs. The hooks are called on the watch's
  // thread.
  HangWatchThread(const WatchedRules& rules, std::chrono::milliseconds limit, Hooks hooks);

 private:
  void run(const std::stop_token& stop);

  const WatchedRules& rules_;
  const std::chrono::milliseconds interval_;
  const Hooks hooks_;
  std::mutex mutex_;
  std::condition_variable_any never_;
  std::jthread thread_;
};

}  // namespace citas::workers

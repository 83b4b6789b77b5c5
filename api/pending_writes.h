// PendingWrites: answers that wait for the sequencer, each with a deadline.
//
// Nobody blocks for them: the sequencer's thread calls back, or, where it does not in time (a disk
// that hangs), expire() says that the outcome is unknown. Owns no thread; a driver calls expire()
// about once a second. Thread-safe.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "commands/command.h"
#include "events/base/clock.h"

namespace citas::api {

class PendingWrites {
 public:
  // May be called twice, from two threads at once, when the outcome comes at its deadline; the
  // caller lets only the first count.
  using Answer = std::function<void(commands::Outcome)>;

  // Borrows the clock.
  PendingWrites(const Clock& clock, std::chrono::milliseconds timeout)
      : clock_(clock), timeout_(timeout) {}

  // The completion to submit with a command. Must not block, as the sequencer demands.
  commands::Completion track(Answer answer);

  // Answers what has waited too long.
  void expire();

 private:
  struct Waiting {
    Clock::Monotonic deadline;
    std::weak_ptr<const Answer> answer;  // gone: answered
  };

  const Clock& clock_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;  // guarded by mutex_; in the order of their deadlines
};

}  // namespace citas::api

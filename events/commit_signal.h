// CommitSignal: lets a driver thread sleep until the log has grown. Logic never waits; only the
// thin loops around it do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "events/ids.h"

namespace citas {

// Thread-safe.
class CommitSignal {
 public:
  // Made to be an EventLog commit listener.
  void advance(Position committed);
  // Returns when something beyond `seen` is committed, `timeout` has passed, or a stop is
  // requested.
  void wait_beyond(Position seen, std::chrono::milliseconds timeout, std::stop_token stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any grown_;
  Position committed_;
};

}  // namespace citas

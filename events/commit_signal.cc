#include "events/commit_signal.h"

namespace citas {

void CommitSignal::advance(Position committed) {
  {
    const std::lock_guard lock(mutex_);
    if (committed <= committed_) return;
    committed_ = committed;
  }
  grown_.notify_all();
}

void CommitSignal::wait_beyond(Position seen, std::chrono::milliseconds timeout,
                               std::stop_token stop) {
  std::unique_lock lock(mutex_);
  grown_.wait_for(lock, stop, timeout, [&] { return committed_ > seen; });
}

}  // namespace citas

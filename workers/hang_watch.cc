#include "workers/hang_watch.h"

#include <algorithm>
#include <utility>

#include "events/base/thread_name.h"

namespace citas::workers {

Result<std::optional<ReasonCode>> WatchedRules::check(const AppointmentRequested& request) const {
  turns_.fetch_add(1, std::memory_order_relaxed);
  auto refusal = rules_.check(request);
  turns_.fetch_add(1, std::memory_order_relaxed);
  return refusal;
}

HangWatch::News HangWatch::look(std::uint64_t turns) {
  if (turns != std::exchange(seen_, turns)) {
    return std::exchange(looks_, 0) >= kLooks ? News::kMovedOn : News::kNone;
  }
  const bool is_under_way = turns % 2 == 1;
  if (!is_under_way || looks_ >= kLooks) return News::kNone;
  return ++looks_ == kLooks ? News::kHangs : News::kNone;
}

HangWatchThread::HangWatchThread(const WatchedRules& rules, std::chrono::milliseconds limit,
                                 Hooks hooks)
    : rules_(rules),
      interval_(std::max(limit / HangWatch::kLooks, std::chrono::milliseconds{1})),
      hooks_(std::move(hooks)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void HangWatchThread::run(const std::stop_token& stop) {
  name_this_thread("hang-watch");
  HangWatch watch;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto news = watch.look(rules_.turns());
    if (news == HangWatch::News::kHangs) hooks_.on_hang();
    if (news == HangWatch::News::kMovedOn) hooks_.on_moved_on();
    never_.wait_for(lock, stop, interval_, [] { return false; });
  }
}

}  // namespace citas::workers

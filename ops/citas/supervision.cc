#include "ops/citas/supervision.h"

#include <pthread.h>

#include <algorithm>
#include <ctime>

#include "events/base/check.h"
#include "events/base/thread_name.h"

namespace citas::ops {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestInterval{1'000};
constexpr milliseconds kShortestInterval{20};
constexpr milliseconds kStartInterval{50};
// Looks between two signs of life: a part that moves a little late is no dead part.
constexpr int kLooksPerSign = 8;
// A start that stands still for so long has failed.
constexpr std::chrono::seconds kExtension{30};
constexpr milliseconds kStartLook{250};
// Less use of the processor between two looks is not work.
constexpr std::chrono::microseconds kWork{500};

milliseconds interval_for(const std::optional<std::chrono::microseconds>& watchdog) {
  if (!watchdog) return kLongestInterval;
  const auto wanted = std::chrono::duration_cast<milliseconds>(*watchdog / 2 / kLooksPerSign);
  return std::clamp(wanted, kShortestInterval, kLongestInterval);
}

std::chrono::nanoseconds processor_time(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

clockid_t processor_clock_of_this_thread() {
  clockid_t clock{};
  CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
  return clock;
}

}  // namespace

Supervision::Supervision(ServiceManager& manager, SupervisedParts parts, const Clock& clock)
    : manager_(manager),
      parts_(std::move(parts)),
      clock_(clock),
      watchdog_(manager.watchdog()),
      interval_(interval_for(watchdog_)) {}

milliseconds Supervision::interval() const {
  return ready_ ? interval_ : std::min(interval_, kStartInterval);
}

void Supervision::step() {
  if (!ready_) step_start();
  if (watchdog_) step_watchdog();
  tell_status();
}

void Supervision::step_start() {
  const std::uint64_t left = parts_.left_to_start();
  if (left == 0) {
    ready_ = true;
    manager_.ready();
  } else if (left < left_) {
    manager_.extend(kExtension);
  }
  left_ = left;
}

void Supervision::step_watchdog() {
  const auto now = clock_.monotonic();
  const bool is_due = !last_sign_ || now - *last_sign_ >= *watchdog_ / 2;
  std::vector<std::uint64_t> beats = parts_.beats();
  const bool is_first = seen_.empty();
  const auto moved = [&] {
    return std::ranges::equal(beats, seen_, [](auto now_at, auto was) { return now_at != was; });
  };
  if (!is_due || !(is_first || moved())) return;
  manager_.alive();
  last_sign_ = now;
  seen_ = std::move(beats);
}

void Supervision::tell_status() {
  std::string line = parts_.status();
  if (line == told_) return;
  manager_.status(line);
  told_ = std::move(line);
}

StartExtension::StartExtension(ServiceManager& manager)
    : thread_(
          [this, &manager, clock = processor_clock_of_this_thread()](const std::stop_token& stop) {
            name_this_thread("start");
            auto before = processor_time(clock);
            std::unique_lock lock(mutex_);
            while (!never_.wait_for(lock, stop, kStartLook, [] { return false; }) &&
                   !stop.stop_requested()) {
              const auto now = processor_time(clock);
              if (now - before >= kWork) manager.extend(kExtension);
              before = now;
            }
          }) {}

}  // namespace citas::ops

#include "projections/driver.h"

#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "events/base/thread_name.h"

namespace citas::projections {
namespace {

// Where processors are scarce, those who write come first: read models then follow in larger
// batches, which cost less an event. Linux counts niceness by thread.
void yield_to_writers() {
  constexpr int kNiceness = 10;
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
}

constexpr std::chrono::milliseconds kIdleWait{1'000};
constexpr std::chrono::milliseconds kRetryWait{1'000};
// A step of so many events means that many come in.
constexpr std::size_t kMany = 8;

void sleep_for(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace

ProjectionDriver::ProjectionDriver(ProjectionEngine& engine, CommitSignal& committed,
                                   std::function<void(std::string_view, const Error&)> on_error)
    : engine_(engine), committed_(committed), on_error_(std::move(on_error)) {
  for (std::string& name : engine.names()) {
    threads_.emplace_back(
        [this, name = std::move(name)](std::stop_token stop) { run(name, stop); });
  }
}

void ProjectionDriver::run(const std::string& name, std::stop_token stop) {
  name_this_thread(name);
  const LiveProjection& live = engine_.live(name);
  const auto patience = engine_.patience(name);
  bool yields = false;
  while (!stop.stop_requested()) {
    // Until then, nobody is served while this thread waits for its turn.
    if (!yields && live.is_serving()) {
      yield_to_writers();
      yields = true;
    }
    if (paused_) {
      sleep_for(kRetryWait, stop);
      continue;
    }
    const auto applied = engine_.step(name);
    if (!applied) {
      on_error_(name, applied.error());
      sleep_for(kRetryWait, stop);
    } else if (*applied == 0) {
      committed_.wait_beyond(live.position(), kIdleWait, stop);
    } else if (*applied >= kMany && live.is_serving()) {
      sleep_for(patience, stop);
    }
  }
}

}  // namespace citas::projections

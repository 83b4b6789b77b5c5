#include "projections/driver.h"

#include <sys/resource.h>
#include "events/base/thread_name.h"

#include <chrono>

namespace citas::projections {
namespace {

// Where processors are scarce, those who write come first: read models then follow in larger
// batches, which cost less an event. Linux counts niceness by thread.
void yield_to_writers() {
  constexpr int kNiceness = 10;
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
}

}  // namespace
namespace {

constexpr std::chrono::milliseconds kIdleWait{1'000};
constexpr std::chrono::milliseconds kRetryWait{1'000};

}  // namespace

ProjectionDriver::ProjectionDriver(ProjectionEngine& engine, CommitSignal& committed,
                                   std::function<void(std::string_view, const Error&)> on_error)
    : engine_(engine), committed_(committed), on_error_(std::move(on_error)) {
  for (std::string& name : engine.names()) {
    threads_.emplace_back(
        [this, name = std::move(name)](std::stop_token stop) { run(name, stop); });
  }
}

void ProjectionDriver::wait_a_while(const std::stop_token& stop) {
  // Beyond every position: wakes up for the time or the stop only.
  committed_.wait_beyond(Position{UINT64_MAX}, kRetryWait, stop);
}

void ProjectionDriver::run(const std::string& name, std::stop_token stop) {
  name_this_thread(name);
  const LiveProjection& live = engine_.live(name);
  bool yields = false;
  while (!stop.stop_requested()) {
    // Until then, nobody is served while this thread waits for its turn.
    if (!yields && live.is_serving()) {
      yield_to_writers();
      yields = true;
    }
    if (paused_) {
      wait_a_while(stop);
      continue;
    }
    const auto applied = engine_.step(name);
    if (!applied) {
      on_error_(name, applied.error());
      wait_a_while(stop);
    } else if (*applied == 0) {
      committed_.wait_beyond(live.position(), kIdleWait, stop);
    }
  }
}

}  // namespace citas::projections

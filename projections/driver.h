// ProjectionDriver: steps the projections of an engine on threads of their own, one each, and
// sleeps while there is nothing to do, or, of one that may lag (Projection::patience()), not yet
// enough.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include "events/base/result.h"
#include "events/commit_signal.h"
#include "projections/engine.h"

namespace citas::projections {

class ProjectionDriver {
 public:
  // Borrows. `on_error` is called on the projection's thread each time that a step fails; the
  // step is tried again a second later.
  ProjectionDriver(ProjectionEngine& engine, CommitSignal& committed,
                   std::function<void(std::string_view name, const Error&)> on_error);
  // Stops between two steps and joins.
  ~ProjectionDriver() = default;

  // From the next step on, until told otherwise, nothing is stepped; going on takes up to a second.
  // Any thread.
  void pause(bool paused) { paused_ = paused; }

 private:
  void run(const std::string& name, std::stop_token stop);

  ProjectionEngine& engine_;
  CommitSignal& committed_;
  const std::function<void(std::string_view, const Error&)> on_error_;
  std::atomic<bool> paused_{false};
  std::vector<std::jthread> threads_;
};

}  // namespace citas::projections

#include "ops/citas/projections_admin.h"

#include <algorithm>

namespace citas::ops {

std::vector<api::ProjectionState> ProjectionsAdmin::list() const {
  // Copied before the engine is asked, which waits for a step or a swap: mend() must not wait for
  // that, and who sees a rebuild completed must see what came of it.
  std::unique_lock lock(mutex_);
  const auto rebuilds = rebuilds_;
  lock.unlock();
  std::vector<api::ProjectionState> states;
  for (projections::ProjectionStatus& status : engine_.status()) {
    api::ProjectionState state{std::move(status), std::nullopt};
    const auto found = rebuilds.find(state.status.name);
    if (found != rebuilds.end()) state.rebuild = found->second;
    states.push_back(std::move(state));
  }
  return states;
}

Status ProjectionsAdmin::start_rebuild(std::string_view name) {
  const auto names = engine_.names();
  if (std::ranges::find(names, name) == names.end()) {
    return failure(ErrorCode::kNotFound, "there is no projection of that name");
  }
  const std::lock_guard lock(mutex_);
  if (!allowed_) return failure(ErrorCode::kStorageFull, "the disk is nearly full");
  const auto running = rebuilds_.find(name);
  if (running != rebuilds_.end() && running->second.state == api::Rebuild::State::kRunning) {
    return failure(ErrorCode::kConflict, "the projection is being rebuilt already");
  }
  rebuilds_[std::string(name)] = api::Rebuild{};
  // Replacing the thread of a finished rebuild joins it.
  threads_[std::string(name)] =
      std::jthread([this, name = std::string(name)](std::stop_token stop) { rebuild(name, stop); });
  return {};
}

bool ProjectionsAdmin::may_mend(const std::string& name) {
  const std::lock_guard lock(mutex_);
  using State = api::Rebuild::State;
  const auto last = rebuilds_.find(name);
  const State state = last == rebuilds_.end() ? State::kCompleted : last->second.state;
  if (state == State::kRunning) return false;
  const auto now = clock_.monotonic();
  Mending& mending = mendings_[name];
  if (now < mending.again) return false;
  const bool failed = state == State::kFailed;
  mending.pause = failed ? std::min(mending.pause * 2, kLongestMendingPause) : kMendingPause;
  mending.again = now + mending.pause;
  return true;
}

void ProjectionsAdmin::mend(const std::string& name, const Error& damage) {
  if (!may_mend(name)) return;
  const Status started = start_rebuild(name);
  log_.error(
      started ? "read model is damaged and is built anew from the log"
              : "read model is damaged and cannot be built anew now",
      {{"projection", std::string_view(name)}, {"reason", std::string_view(damage.message)}});
}

void ProjectionsAdmin::allow_rebuilds(bool allowed) {
  const std::lock_guard lock(mutex_);
  allowed_ = allowed;
  if (allowed) return;
  for (auto& [name, thread] : threads_) thread.request_stop();
}

void ProjectionsAdmin::rebuild(const std::string& name, std::stop_token stop) {
  const auto result = engine_.rebuild(name, stop, [&](const projections::Progress& progress) {
    const std::lock_guard lock(mutex_);
    rebuilds_[name].progress = progress;
  });
  if (result) report(*result);
  const std::lock_guard lock(mutex_);
  api::Rebuild& state = rebuilds_[name];
  if (result) {
    state.state = api::Rebuild::State::kCompleted;
    state.identical = result->is_identical();
    if (result->unreadable) state.reason = result->unreadable->message;
    state.progress = {result->events, result->events, result->duration};
  } else {
    state.state = api::Rebuild::State::kFailed;
    state.reason = result.error().message;
  }
}

void ProjectionsAdmin::report(const projections::RebuildReport& report) {
  const auto events = static_cast<std::int64_t>(report.events);
  const auto ms = static_cast<std::int64_t>(report.duration.count());
  if (report.is_identical()) {
    log_.info("projection rebuilt, identical to the one it replaced",
              {{"projection", report.name}, {"events", events}, {"duration_ms", ms}});
    return;
  }
  if (report.unreadable) {
    log_.warning("projection rebuilt in the place of one that could not be read",
                 {{"projection", report.name},
                  {"events", events},
                  {"duration_ms", ms},
                  {"reason", std::string_view(report.unreadable->message)}});
    return;
  }
  log_.error("projection rebuilt: the one that had served was WRONG and has been replaced",
             {{"projection", report.name},
              {"events", events},
              {"missing", static_cast<std::int64_t>(report.differences.missing)},
              {"extra", static_cast<std::int64_t>(report.differences.extra)},
              {"changed", static_cast<std::int64_t>(report.differences.changed)}});
}

}  // namespace citas::ops

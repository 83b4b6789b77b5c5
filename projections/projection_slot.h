// ProjectionSlot: one projection of an engine: the generation that serves, and its replacement.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "projections/engine.h"
#include "projections/runner.h"

namespace citas::projections {

// What the slots of an engine share. Borrowed.
struct EngineContext {
  const EventLog& log;
  const Codec& codec;
  const Clock& clock;
  Generations& generations;
  const EngineOptions& options;
};

// Thread-safe as the engine is.
class ProjectionSlot {
 public:
  ProjectionSlot(const EngineContext& context, std::unique_ptr<const Projection> projection);
  ~ProjectionSlot();
  ProjectionSlot(const ProjectionSlot&) = delete;
  ProjectionSlot& operator=(const ProjectionSlot&) = delete;

  // Takes what is there if it fits the log, else begins anew; deletes what is left over.
  Status open();

  // The rest is for the time after open() has succeeded.
  Result<std::size_t> step();
  Result<RebuildReport> rebuild(std::stop_token stop, const ProgressCallback& on_progress);
  ProjectionStatus status() const;
  LiveProjection& live() { return live_; }
  std::chrono::milliseconds patience() const { return projection_->patience(); }

 private:
  // A generation, and who brings it forward.
  struct Active {
    Generation number;
    std::unique_ptr<ProjectionRunner> runner;
  };
  // Both generations at the moment of the swap.
  struct Swapped {
    Active old;
    Checkpoint old_checkpoint;
    Result<std::unique_ptr<ReadView>> old_view;
    Checkpoint new_checkpoint;
    std::unique_ptr<ReadView> new_view;
  };

  void write_out_in_time();
  Active activate(Generation number, std::shared_ptr<ReadStore> store, Checkpoint checkpoint) const;
  Result<std::optional<Active>> open_current();
  Result<std::optional<Active>> open_existing(Generation number);
  Result<Active> create_next();
  Status delete_all_but(Generation kept);

  Result<RebuildReport> rebuild_alone(std::stop_token stop, const ProgressCallback& on_progress);
  void discard(Generation shadow);
  Status fill(ProjectionRunner& shadow, std::stop_token stop, const ProgressCallback& on_progress);
  Status fill_up_to(Position target, ProjectionRunner& shadow, const std::stop_token& stop,
                    const std::function<void(Position)>& report) const;
  void publish(const std::optional<Progress>& progress);
  std::optional<Progress> progress() const;
  Result<Swapped> swap(Active& shadow);
  RebuildReport report_on(Swapped& swapped) const;

  std::string name() const { return live_.name(); }

  const EngineContext context_;
  const std::unique_ptr<const Projection> projection_;
  LiveProjection live_;
  std::atomic<bool> is_rebuilding_{false};

  mutable std::mutex mutex_;  // held for a step, and for the swap
  Active active_;             // guarded by mutex_
  Position written_out_;      // begun to be, of active_; guarded by mutex_

  mutable std::mutex progress_mutex_;
  std::optional<Progress> progress_;  // of a rebuild; guarded by progress_mutex_
};

}  // namespace citas::projections

// ProjectionEngine: keeps a set of read models up to date with a log, and rebuilds them while they
// serve.
//
// open() takes what is on disk where it fits the log, and starts from nothing where it does not
// (missing, damaged, of another log, ahead of the log, or of another version): step() then brings
// it back. Until a read model has caught up with what the log held at open, it does not serve.
//
// rebuild() fills a shadow generation beside the serving one, brings both to the same position,
// compares them, and swaps. Readers of the old generation finish undisturbed. Interrupted at any
// point it leaves the old one serving, and what remains of the shadow is deleted at the next open.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/clock.h"
#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "projections/compare.h"
#include "projections/generations.h"
#include "projections/live_projection.h"
#include "projections/progress.h"
#include "projections/projection.h"

namespace citas::projections {

struct RebuildReport {
  std::string name;
  Checkpoint checkpoint;       // at which both were compared, of the new generation
  Generation generation = {};  // that serves now
  std::uint64_t events = 0;
  std::chrono::milliseconds duration{0};
  // How the old generation differed, at the same position. In a healthy system nothing does.
  ContentDigest old_digest;
  Differences differences = {};
  // Why the old one could not be compared, where it could not even be read.
  std::optional<Error> unreadable = std::nullopt;

  bool is_identical() const {
    return !unreadable && differences.none() && old_digest == checkpoint.digest;
  }
};

struct ProjectionStatus {
  std::string name;
  Generation generation = {};
  Checkpoint checkpoint = {};
  bool serving = false;
  std::uint64_t lag_events = 0;
  std::chrono::milliseconds lag{0};                // age of the oldest event not yet applied
  std::optional<Progress> rebuild = std::nullopt;  // of a rebuild under way
};

struct EngineOptions {
  std::size_t max_batch = 16'384;  // events committed together
  // How many events may be applied before they are written out: what a start after a crash has to
  // do again, but for what comes in while they are. Each costs some 25 us then, with cold caches.
  std::size_t flush_after = 20'000;
  // A read model was thrown away at open: tell the operator.
  std::function<void(std::string_view name, const Error& why)> on_discarded = [](std::string_view,
                                                                                 const Error&) {};
};

class ProjectionSlot;

// Thread-safe, but for what is said of step().
class ProjectionEngine {
 public:
  // Borrows log, codec, clock and generations. Unavailable: a store could not be opened or made.
  static Result<std::unique_ptr<ProjectionEngine>> open(
      const EventLog& log, const Codec& codec, const Clock& clock, Generations& generations,
      std::vector<std::unique_ptr<const Projection>> projections, EngineOptions options);
  // Flushes, so that the next start has nothing to do again.
  ~ProjectionEngine();
  ProjectionEngine(const ProjectionEngine&) = delete;
  ProjectionEngine& operator=(const ProjectionEngine&) = delete;

  std::vector<std::string> names() const;
  // CHECKs that there is one of that name. Lives as long as the engine.
  LiveProjection& live(std::string_view name) const;

  // Projection::patience() of that name, which there must be.
  std::chrono::milliseconds patience(std::string_view name) const;

  // Applies at most one batch of events; returns how many, 0 when it is up to date. For each
  // projection by one thread at a time. Errors as ProjectionRunner::step().
  Result<std::size_t> step(std::string_view name);

  // Blocks until done; `on_progress` is called after each batch on this thread. NotFound: no
  // projection of that name. Conflict: it is being rebuilt already. Unavailable: cancelled by
  // `stop`, or a store refused. On any error the old generation serves on.
  Result<RebuildReport> rebuild(std::string_view name, std::stop_token stop,
                                const ProgressCallback& on_progress);

  std::vector<ProjectionStatus> status() const;
  // Whether all serve.
  bool is_serving() const;

 private:
  explicit ProjectionEngine(EngineOptions options);

  ProjectionSlot* find(std::string_view name) const;

  const EngineOptions options_;
  std::vector<std::unique_ptr<ProjectionSlot>> slots_;
};

}  // namespace citas::projections

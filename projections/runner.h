// ProjectionRunner: brings one generation of a read model forward, a batch of events at a time.
//
// Reads the events after the checkpoint, applies them, and commits their changes with the new
// checkpoint. Owns no clock. Stopped or killed between any two steps, a new runner on the same
// store goes on where the last commit was: each event has its effect exactly once.
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <memory>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "projections/checkpoint.h"
#include "projections/projection.h"
#include "projections/read_store.h"

namespace citas::projections {

class EntryBatch;

ModelVersion model_of(const Projection& projection, const Codec& codec);

// For one thread at a time.
class ProjectionRunner {
 public:
  // Borrows log, codec and projection. `store` must be at `checkpoint`, which verify() accepted.
  ProjectionRunner(const EventLog& log, const Codec& codec, const Projection& projection,
                   std::shared_ptr<ReadStore> store, Checkpoint checkpoint);
  ~ProjectionRunner();
  ProjectionRunner(ProjectionRunner&&) noexcept;
  ProjectionRunner& operator=(ProjectionRunner&&) = delete;

  // Applies at most `limit` events, in one commit; returns how many. 0: there are no more.
  // Corruption: the log or the read model holds what cannot be. Unavailable: the store refused.
  // After an error nothing has changed, and step() may be called again.
  Result<std::size_t> step(std::size_t limit);

  // Brings it to `target`, which the log must have reached, in batches of at most `max_batch`.
  // While one is applied, a second thread writes the one before. `after_each` is called on this
  // thread with the position that each batch has brought it to; when it fails, that is the end.
  // Errors as step(), and those of `after_each`: position() then is that of the last commit, from
  // which either may go on.
  using AfterEach = std::function<Status(Position applied)>;
  Status run_to(Position target, std::size_t max_batch, const AfterEach& after_each);

  Position position() const { return checkpoint_.head.position; }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  const std::shared_ptr<ReadStore>& store() const { return store_; }

 private:
  Result<std::size_t> apply_events(std::size_t limit, Head& head);
  Status step_ahead(std::size_t limit, Head& reached);
  void begin_commit(const Head& reached);
  Status finish_commit();

  const EventLog* log_;
  const Codec* codec_;
  const Projection* projection_;
  std::shared_ptr<ReadStore> store_;
  Checkpoint checkpoint_;
  std::unique_ptr<EntryBatch> batch_;
  std::future<Result<Checkpoint>> commit_;  // under way, in run_to()
};

}  // namespace citas::projections

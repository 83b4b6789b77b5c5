// Replay: folds a log into a store of its own, with the same code that serves.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>

#include "events/base/clock.h"
#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "projections/checkpoint.h"
#include "projections/progress.h"
#include "projections/projection.h"
#include "projections/read_store.h"

namespace citas::projections {

struct Replayed {
  Checkpoint checkpoint;  // position, hash, digest, entries
  std::uint64_t events = 0;
  std::chrono::milliseconds duration{0};
};

// Fills the empty `store` with the events up to `until` (cut to what is committed).
// Unavailable: cancelled by `stop`. Other errors as ProjectionRunner::step().
Result<Replayed> replay(const EventLog& log, const Codec& codec, const Clock& clock,
                        const Projection& projection, std::shared_ptr<ReadStore> store,
                        Position until, std::stop_token stop = {},
                        const ProgressCallback& on_progress = {});

}  // namespace citas::projections

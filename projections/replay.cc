#include "projections/replay.h"

#include <algorithm>

#include "projections/runner.h"

namespace citas::projections {
namespace {

constexpr std::size_t kBatch = 16'384;

}  // namespace

Result<Replayed> replay(const EventLog& log, const Codec& codec, const Clock& clock,
                        const Projection& projection, std::shared_ptr<ReadStore> store,
                        Position until, std::stop_token stop, const ProgressCallback& on_progress) {
  const auto started = clock.monotonic();
  const auto elapsed = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.monotonic() - started);
  };
  const std::uint64_t total = std::min(until, log.committed()).value();
  ProjectionRunner runner(log, codec, projection, std::move(store),
                          initial_checkpoint(log, model_of(projection, codec)));
  const auto after_each = [&](Position applied) -> Status {
    if (on_progress) on_progress({applied.value(), total, elapsed()});
    if (!stop.stop_requested()) return {};
    return failure(ErrorCode::kUnavailable, "the replay was cancelled");
  };
  if (auto done = runner.run_to(Position{total}, kBatch, after_each); !done) {
    return failure(std::move(done).error());
  }
  return Replayed{.checkpoint = runner.checkpoint(), .events = total, .duration = elapsed()};
}

}  // namespace citas::projections

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
  while (runner.position().value() < total) {
    if (stop.stop_requested()) return failure(ErrorCode::kUnavailable, "the replay was cancelled");
    const auto left = total - runner.position().value();
    const auto applied = runner.step(std::min<std::uint64_t>(kBatch, left));
    if (!applied) return failure(applied.error());
    if (on_progress) on_progress({runner.position().value(), total, elapsed()});
  }
  return Replayed{.checkpoint = runner.checkpoint(), .events = total, .duration = elapsed()};
}

}  // namespace citas::projections

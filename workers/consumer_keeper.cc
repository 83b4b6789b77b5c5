#include "workers/consumer_keeper.h"

namespace citas::workers {
namespace {

constexpr std::chrono::milliseconds kInterval{2000};
constexpr std::chrono::milliseconds kRetryInterval{200};

}  // namespace

bool ConsumerKeeper::due() const {
  if (!bus_.connected()) return false;
  if (!last_look_) return true;
  const bool reconnected = in_place_ && connection_ != bus_.connection_count();
  const auto interval = in_place_ ? kInterval : kRetryInterval;
  return reconnected || clock_.monotonic() - *last_look_ >= interval;
}

void ConsumerKeeper::keep(std::optional<std::uint64_t> processed) {
  last_look_ = clock_.monotonic();
  connection_ = bus_.connection_count();
  const Status fits = make_fit(processed);
  in_place_ = fits.has_value();
  trouble_.set(fits ? std::string() : fits.error().message);
}

Status ConsumerKeeper::make_fit(std::optional<std::uint64_t> processed) {
  const auto consumer = bus_.ensure_consumer(spec_);
  if (!consumer) return failure(consumer.error());
  const auto stream = bus_.stream_info(spec_.stream);
  if (!stream) return failure(stream.error());
  const std::uint64_t floor = consumer->ack_floor_stream_sequence;
  const auto missed = processed ? misses(*processed, floor) : Result<bool>(false);
  if (!missed) return failure(missed.error());
  if (floor > stream->last_sequence || *missed) {
    if (auto deleted = start_over(); !deleted) return deleted;
    const auto again = bus_.ensure_consumer(spec_);
    if (!again) return failure(again.error());
  }
  return {};
}

// The server moves the floor over messages that do not match the filter, so that it may pass what
// was processed without anything being missed.
Result<bool> ConsumerKeeper::misses(std::uint64_t processed, std::uint64_t floor) {
  if (floor <= processed) return false;
  const auto next = bus_.next_sequence(spec_.stream, spec_.filter_subject, processed + 1);
  if (next) return *next <= floor;
  if (next.error().code == ErrorCode::kNotFound) return false;
  return failure(next.error());
}

Status ConsumerKeeper::start_over() {
  counters_.recreations.add();
  in_place_ = false;
  if (auto deleted = bus_.delete_consumer(spec_.stream, spec_.durable); !deleted) return deleted;
  source_.discard();
  return {};
}

}  // namespace citas::workers

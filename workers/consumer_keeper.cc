#include "workers/consumer_keeper.h"

namespace citas::workers {
namespace {

constexpr std::chrono::milliseconds kInterval{2000};
constexpr std::chrono::milliseconds kRetryInterval{200};

bool is_absent(const Error& error) { return error.code == ErrorCode::kNotFound; }

}  // namespace

bool ConsumerKeeper::due() const {
  if (!bus_.connected()) return false;
  if (!last_look_) return true;
  const bool reconnected = in_place_ && connection_ != bus_.connection_count();
  const auto interval = in_place_ ? kInterval : kRetryInterval;
  return reconnected || clock_.monotonic() - *last_look_ >= interval;
}

void ConsumerKeeper::distrust() { in_place_ = false; }

bool ConsumerKeeper::keep(std::optional<std::uint64_t> settled) {
  const bool reconnected = last_look_ && connection_ != bus_.connection_count();
  if (reconnected && settled) distrust();
  last_look_ = clock_.monotonic();
  connection_ = bus_.connection_count();
  const auto made = make_fit(settled);
  in_place_ = made.has_value();
  trouble_.set(made ? std::string() : made.error().message);
  return made && *made;
}

Result<bool> ConsumerKeeper::make_fit(std::optional<std::uint64_t> settled) {
  if (in_place_) {
    const auto fit = is_fit();
    if (!fit) return failure(fit.error());
    if (*fit) return false;
  }
  const auto behind = settled ? Result<std::uint64_t>(*settled) : acknowledged();
  if (!behind) return failure(behind.error());
  if (auto made = make_again(*behind); !made) return failure(std::move(made.error()));
  counters_.recreations.add(was_made_ ? 1 : 0);
  was_made_ = true;
  return true;
}

Result<bool> ConsumerKeeper::is_fit() {
  const auto consumer = bus_.consumer_info(spec_.stream, spec_.durable);
  if (!consumer && is_absent(consumer.error())) return false;
  if (!consumer) return failure(consumer.error());
  const auto stream = bus_.stream_info(spec_.stream);
  if (!stream) return failure(stream.error());
  return consumer->delivered_stream_sequence <= stream->last_sequence;
}

Result<std::uint64_t> ConsumerKeeper::acknowledged() {
  const auto consumer = bus_.consumer_info(spec_.stream, spec_.durable);
  if (!consumer && is_absent(consumer.error())) return 0;
  if (!consumer) return failure(consumer.error());
  const auto stream = bus_.stream_info(spec_.stream);
  if (!stream) return failure(stream.error());
  const std::uint64_t floor = consumer->ack_floor_stream_sequence;
  return floor > stream->last_sequence ? 0 : floor;
}

Status ConsumerKeeper::make_again(std::uint64_t behind) {
  if (auto deleted = bus_.delete_consumer(spec_.stream, spec_.durable); !deleted) return deleted;
  source_.discard();
  ConsumerSpec spec = spec_;
  spec.start_sequence = behind + 1;
  if (const auto made = bus_.ensure_consumer(spec); !made) return failure(made.error());
  const auto first = bus_.next_sequence(spec.stream, spec.filter_subject, spec.start_sequence);
  if (!first && !is_absent(first.error())) return failure(first.error());
  first_ = first ? std::optional(*first) : std::nullopt;
  return {};
}

}  // namespace citas::workers

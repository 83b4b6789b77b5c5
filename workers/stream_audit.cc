#include "workers/stream_audit.h"

#include <utility>

#include "events/base/hex.h"
#include "workers/topology.h"

namespace citas::workers {

Result<std::unique_ptr<StreamAudit>> StreamAudit::open(const EventLog& log, Bus& bus,
                                                       const Clock& clock,
                                                       const AuditOptions& options) {
  auto source = bus.open_source(audit_consumer(), {kHashHeader});
  if (!source) return failure(std::move(source.error()));
  return std::unique_ptr<StreamAudit>(
      new StreamAudit(log, bus, clock, options, std::move(*source)));
}

StreamAudit::StreamAudit(const EventLog& log, Bus& bus, const Clock& clock,
                         const AuditOptions& options, std::unique_ptr<MessageSource> source)
    : log_(log), bus_(bus), clock_(clock), options_(options), source_(std::move(source)) {}

void StreamAudit::begin(Position end) {
  end_ = end;
  has_consumer_ = false;
  compared_ = Position{0};
  next_ = clock_.monotonic();
}

Result<std::optional<std::string>> StreamAudit::step() {
  if (!end_ || clock_.monotonic() < next_) return std::nullopt;
  next_ = clock_.monotonic() + options_.interval;
  if (compared_ >= *end_) {
    finish();
    return std::nullopt;
  }
  if (!has_consumer_ && !make_consumer()) return std::nullopt;
  return compare();
}

bool StreamAudit::make_consumer() {
  const ConsumerSpec spec = audit_consumer();
  if (!bus_.delete_consumer(spec.stream, spec.durable)) return false;
  source_->discard();
  if (!bus_.ensure_consumer(spec)) return false;
  has_consumer_ = true;
  last_news_ = clock_.monotonic();
  return true;
}

// It counts for nothing whether this is heard: the next audit deletes it first.
void StreamAudit::finish() {
  const ConsumerSpec spec = audit_consumer();
  if (has_consumer_) static_cast<void>(bus_.delete_consumer(spec.stream, spec.durable));
  stop();
}

// Another server that comes to use the bus compares with a consumer of this name.
void StreamAudit::stop() {
  source_->leave();
  end_.reset();
}

Result<std::optional<std::string>> StreamAudit::compare() {
  received_.clear();
  source_->poll(options_.batch, received_);
  for (const Message& message : received_) static_cast<void>(source_->ack(message));
  if (received_.empty()) return stalled();
  last_news_ = clock_.monotonic();
  return compare_received();
}

Result<std::optional<std::string>> StreamAudit::compare_received() {
  // What comes once more, since its acknowledgement got lost or came late, is compared once.
  std::uint64_t last = compared_.value();
  std::erase_if(received_, [&](const Message& message) {
    if (message.stream_sequence <= last) return true;
    last = message.stream_sequence;
    return false;
  });
  std::size_t i = 0;
  std::optional<std::string> difference;
  const Status read = log_.read(compared_, received_.size(), [&](const RecordView& record) {
    const Message& message = received_[i++];
    const bool same = message.stream_sequence == record.position.value() &&
                      message.payload == record.bytes &&
                      find_header(message.headers, kHashHeader) == to_hex(record.hash);
    if (same) {
      compared_ = record.position;
    } else {
      difference = "the stream does not hold event " + std::to_string(record.position.value()) +
                   " as it is in the log";
    }
    return same;
  });
  if (!read) return failure(read.error());
  return difference;
}

std::optional<std::string> StreamAudit::stalled() {
  if (clock_.monotonic() - last_news_ < options_.stalled_after) return std::nullopt;
  // One that is only slow, or frozen, does not answer either.
  if (!bus_.stream_info(kEventsStream)) return std::nullopt;
  return "the bus does not send event " + std::to_string(compared_.value() + 1) + " any more";
}

}  // namespace citas::workers

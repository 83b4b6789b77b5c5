#include "projections/runner.h"

#include "projections/entry_batch.h"

namespace citas::projections {

ModelVersion model_of(const Projection& projection, const Codec& codec) {
  return {.name = std::string(projection.name()),
          .version = projection.version(),
          .codec_revision = codec.revision()};
}

ProjectionRunner::ProjectionRunner(const EventLog& log, const Codec& codec,
                                   const Projection& projection, std::shared_ptr<ReadStore> store,
                                   Checkpoint checkpoint)
    : log_(&log),
      codec_(&codec),
      projection_(&projection),
      store_(std::move(store)),
      checkpoint_(std::move(checkpoint)),
      batch_(std::make_unique<EntryBatch>(*store_)) {}

ProjectionRunner::~ProjectionRunner() = default;
ProjectionRunner::ProjectionRunner(ProjectionRunner&&) noexcept = default;

Result<std::size_t> ProjectionRunner::step(std::size_t limit) {
  Checkpoint next = checkpoint_;
  const auto applied = apply_events(limit, next.head);
  if (!applied) {
    batch_->discard();
    return applied;
  }
  if (*applied == 0) return 0;
  if (auto committed = batch_->commit(next); !committed) return failure(committed.error());
  checkpoint_ = std::move(next);
  return applied;
}

Result<std::size_t> ProjectionRunner::apply_events(std::size_t limit, Head& head) {
  std::size_t applied = 0;
  Status outcome;
  const auto visit = [&](const RecordView& record) {
    const auto event = codec_->decode(record.bytes);
    outcome = event ? projection_->apply(*event, *batch_) : failure(event.error());
    if (!outcome) return false;
    head = {record.epoch, record.position, record.hash};
    ++applied;
    return true;
  };
  const Status read = log_->read(head.position, limit, visit);
  if (!read) return failure(read.error());
  if (!outcome) return failure(outcome.error());
  return applied;
}

}  // namespace citas::projections

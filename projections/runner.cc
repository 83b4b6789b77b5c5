#include "projections/runner.h"

#include <algorithm>

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

Status ProjectionRunner::run_to(Position target, std::size_t max_batch,
                                const AfterEach& after_each) {
  Head reached = checkpoint_.head;
  Status outcome;
  while (outcome && reached.position < target) {
    const std::uint64_t left = target.value() - reached.position.value();
    outcome = step_ahead(std::min<std::uint64_t>(max_batch, left), reached);
    if (outcome) outcome = after_each(reached.position);
  }
  const Status committed = finish_commit();
  return outcome ? committed : outcome;
}

// Applies events on top of those whose commit is under way, and begins theirs.
Status ProjectionRunner::step_ahead(std::size_t limit, Head& reached) {
  const auto applied = apply_events(limit, reached);
  const Status committed = finish_commit();
  if (committed && applied && *applied > 0) {
    begin_commit(reached);
    return {};
  }
  batch_->discard();
  if (!committed) return committed;
  if (!applied) return failure(applied.error());
  return failure(ErrorCode::kCorruption, "the log has become shorter");
}

void ProjectionRunner::begin_commit(const Head& reached) {
  Checkpoint next = checkpoint_;
  next.head = reached;
  const auto commit = [store = store_](ChangeSet changes, Checkpoint checkpoint) {
    const Status committed = changes.commit_to(*store, checkpoint);
    return committed ? Result<Checkpoint>(std::move(checkpoint)) : failure(committed.error());
  };
  // On this thread, later, where no other can be had.
  commit_ = std::async(std::launch::async | std::launch::deferred, commit, batch_->take_changes(),
                       std::move(next));
}

// Waits for the commit that is under way, if there is one.
Status ProjectionRunner::finish_commit() {
  if (!commit_.valid()) return {};
  auto committed = commit_.get();
  if (!committed) {
    batch_->discard();
    return failure(std::move(committed).error());
  }
  checkpoint_ = *std::move(committed);
  return {};
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

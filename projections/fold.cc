#include "projections/fold.h"

#include "projections/entry_batch.h"
#include "projections/runner.h"

namespace citas::projections {

Result<std::unique_ptr<MemoryReadStore>> fold(const Projection& projection, const EventLog& log,
                                              const Codec& codec, const TagQuery& events) {
  if (events.last > log.committed()) {
    return failure(ErrorCode::kInvalidArgument, "position " + std::to_string(events.last.value()) +
                                                    " is in the future: the log ends at " +
                                                    std::to_string(log.committed().value()));
  }
  auto store = std::make_unique<MemoryReadStore>();
  EntryBatch batch(*store);
  Status applied;
  std::size_t folded = 0;
  const auto visit = [&](const RecordView& record) {
    if (++folded > kMaxFoldedEvents) {
      applied =
          failure(ErrorCode::kFailedPrecondition, "more than " + std::to_string(kMaxFoldedEvents) +
                                                      " events would have to be folded for it");
      return false;
    }
    const auto event = codec.decode(record.bytes);
    applied = event ? projection.apply(*event, batch) : failure(event.error());
    return applied.has_value();
  };
  if (auto read = log.read_tag(events, visit); !read) return failure(read.error());
  if (!applied) return failure(applied.error());
  Checkpoint checkpoint = initial_checkpoint(log, model_of(projection, codec));
  checkpoint.head.position = events.last;
  if (auto committed = batch.commit(checkpoint); !committed) return failure(committed.error());
  return store;
}

}  // namespace citas::projections

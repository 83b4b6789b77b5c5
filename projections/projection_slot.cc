#include "projections/projection_slot.h"

#include <algorithm>

namespace citas::projections {
namespace {

std::chrono::milliseconds since(Clock::Monotonic started, const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.monotonic() - started);
}

// Runs at the end of a scope.
template <typename Action>
class Finally {
 public:
  explicit Finally(Action action) : action_(std::move(action)) {}
  ~Finally() { action_(); }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;

 private:
  const Action action_;
};

}  // namespace

ProjectionSlot::ProjectionSlot(const EngineContext& context,
                               std::unique_ptr<const Projection> projection)
    : context_(context),
      projection_(std::move(projection)),
      live_(std::string(projection_->name())) {}

ProjectionSlot::~ProjectionSlot() {
  // Only saves work at the next start: what is not flushed is applied again.
  if (active_.runner) static_cast<void>(active_.runner->store()->flush());
}

ProjectionSlot::Active ProjectionSlot::activate(Generation number, std::shared_ptr<ReadStore> store,
                                                Checkpoint checkpoint) const {
  return {number, std::make_unique<ProjectionRunner>(context_.log, context_.codec, *projection_,
                                                     std::move(store), std::move(checkpoint))};
}

// --- Opening ---

Status ProjectionSlot::open() {
  auto existing = open_current();
  if (!existing) return failure(std::move(existing).error());
  if (*existing) {
    active_ = **std::move(existing);
  } else {
    auto created = create_next();
    if (!created) return failure(std::move(created).error());
    active_ = *std::move(created);
    auto pointed = context_.generations.make_current(name(), active_.number);
    if (!pointed) return pointed;
  }
  if (auto deleted = delete_all_but(active_.number); !deleted) return deleted;
  written_out_ = active_.runner->position();
  live_.replace(active_.runner->store());
  live_.serve_from(context_.log.committed());
  live_.advance(active_.runner->position());
  return {};
}

// The generation that served last; nullopt when there is none that can go on.
Result<std::optional<ProjectionSlot::Active>> ProjectionSlot::open_current() {
  const auto number = context_.generations.current(name());
  if (!number) return failure(number.error());
  if (!*number) return std::nullopt;
  auto existing = open_existing(**number);
  if (existing) return existing;
  const ErrorCode code = existing.error().code;
  if (code != ErrorCode::kCorruption && code != ErrorCode::kFailedPrecondition) return existing;
  context_.options.on_discarded(name(), existing.error());
  return std::nullopt;
}

Result<std::optional<ProjectionSlot::Active>> ProjectionSlot::open_existing(Generation number) {
  auto store = context_.generations.open(name(), number);
  if (!store) return failure(std::move(store).error());
  const auto checkpoint = (*store)->checkpoint();
  if (!checkpoint) return failure(checkpoint.error());
  if (!*checkpoint) return failure(ErrorCode::kCorruption, "the read model has no checkpoint");
  const ModelVersion model = model_of(*projection_, context_.codec);
  if (auto fits = verify(**checkpoint, context_.log, model); !fits) {
    return failure(std::move(fits).error());
  }
  return activate(number, *std::move(store), **checkpoint);
}

// An empty generation behind all that exist.
Result<ProjectionSlot::Active> ProjectionSlot::create_next() {
  const auto numbers = context_.generations.list(name());
  if (!numbers) return failure(numbers.error());
  const Generation next{numbers->empty() ? 1 : numbers->back().value() + 1};
  auto store = context_.generations.create(name(), next);
  if (!store) return failure(std::move(store).error());
  Checkpoint initial = initial_checkpoint(context_.log, model_of(*projection_, context_.codec));
  if (auto stored = (*store)->commit({}, initial); !stored) return failure(stored.error());
  if (auto flushed = (*store)->flush(); !flushed) return failure(flushed.error());
  return activate(next, *std::move(store), std::move(initial));
}

Status ProjectionSlot::delete_all_but(Generation kept) {
  const auto numbers = context_.generations.list(name());
  if (!numbers) return failure(numbers.error());
  for (const Generation number : *numbers) {
    if (number == kept) continue;
    if (auto removed = context_.generations.remove(name(), number); !removed) return removed;
  }
  return {};
}

// --- Serving ---

Result<std::size_t> ProjectionSlot::step() {
  std::unique_lock lock(mutex_);
  const auto applied = active_.runner->step(context_.options.max_batch);
  if (!applied || *applied == 0) return applied;
  write_out_in_time();
  const Position position = active_.runner->position();
  lock.unlock();
  live_.advance(position);
  return applied;
}

// Stores write out what has grown large, which a read model of few rows that keep changing never
// does: without this, a start after a crash had more to do with every event.
void ProjectionSlot::write_out_in_time() {
  const Position position = active_.runner->position();
  if (position.value() - written_out_.value() < context_.options.flush_after) return;
  // One that cannot be begun now is tried again at the next step.
  const auto begun = active_.runner->store()->begin_flush();
  if (begun && *begun) written_out_ = position;
}

ProjectionStatus ProjectionSlot::status() const {
  ProjectionStatus status{.name = name(), .serving = live_.is_serving(), .rebuild = progress()};
  {
    const std::lock_guard lock(mutex_);
    status.generation = active_.number;
    status.checkpoint = active_.runner->checkpoint();
  }
  const Position reached = status.checkpoint.head.position;
  const Position committed = context_.log.committed();
  if (committed <= reached) return status;
  status.lag_events = committed.value() - reached.value();
  const auto next = read_one(context_.log, Position{reached.value() + 1});
  if (next) {
    status.lag =
        std::max(std::chrono::milliseconds{0}, context_.clock.now() - next->running_maximum);
  }
  return status;
}

// --- Rebuilding ---

Result<RebuildReport> ProjectionSlot::rebuild(std::stop_token stop,
                                              const ProgressCallback& on_progress) {
  if (is_rebuilding_.exchange(true)) {
    return failure(ErrorCode::kConflict, name() + " is being rebuilt already");
  }
  const Finally finished([this] {
    publish(std::nullopt);
    is_rebuilding_ = false;
  });
  return rebuild_alone(std::move(stop), on_progress);
}

Result<RebuildReport> ProjectionSlot::rebuild_alone(std::stop_token stop,
                                                    const ProgressCallback& on_progress) {
  const auto started = context_.clock.monotonic();
  auto shadow = create_next();
  if (!shadow) return failure(std::move(shadow).error());
  const Generation number = shadow->number;
  auto filled = fill(*shadow->runner, stop, on_progress);
  auto swapped = filled ? swap(*shadow) : failure(std::move(filled).error());
  if (!swapped) {
    discard(number);
    return failure(std::move(swapped).error());
  }
  RebuildReport report = report_on(*swapped);
  report.generation = number;
  report.duration = since(started, context_.clock);
  static_cast<void>(context_.generations.remove(name(), swapped->old.number));
  return report;
}

// A shadow that does not come to serve. The pointer may name it by now, and its return may be as
// uncertain; then it stays, and the next start takes the one that the pointer names.
void ProjectionSlot::discard(Generation shadow) {
  const Generation serving = status().generation;
  const auto current = context_.generations.current(name());
  const bool returned = (current && *current == serving) ||
                        context_.generations.make_current(name(), serving).has_value();
  // Where even this fails, the next start deletes it.
  if (returned) static_cast<void>(context_.generations.remove(name(), shadow));
}

// Brings the shadow close to the serving generation, never ahead of it, with nearly all of it on
// disk. The first round takes what there is, the second what came while the first one worked; what
// then is missing is little.
Status ProjectionSlot::fill(ProjectionRunner& shadow, std::stop_token stop,
                            const ProgressCallback& on_progress) {
  const auto started = context_.clock.monotonic();
  for (int round = 0; round < 2; ++round) {
    const Position target = live_.position();
    const auto report = [&](Position reached) {
      publish(Progress{reached.value(), target.value(), since(started, context_.clock)});
      if (on_progress) on_progress(*progress());
    };
    report(shadow.position());
    if (auto done = fill_up_to(target, shadow, stop, report); !done) return done;
    if (auto flushed = shadow.store()->flush(); !flushed) return flushed;
  }
  return {};
}

Status ProjectionSlot::fill_up_to(Position target, ProjectionRunner& shadow,
                                  const std::stop_token& stop,
                                  const std::function<void(Position)>& report) const {
  const auto after_each = [&](Position applied) -> Status {
    report(applied);
    if (!stop.stop_requested()) return {};
    return failure(ErrorCode::kUnavailable, "the rebuild of " + name() + " was cancelled");
  };
  return shadow.run_to(target, context_.options.max_batch, after_each);
}

void ProjectionSlot::publish(const std::optional<Progress>& progress) {
  const std::lock_guard lock(progress_mutex_);
  progress_ = progress;
}

std::optional<Progress> ProjectionSlot::progress() const {
  const std::lock_guard lock(progress_mutex_);
  return progress_;
}

// Makes the shadow the serving generation, with both at the same position. Steps wait meanwhile.
Result<ProjectionSlot::Swapped> ProjectionSlot::swap(Active& shadow) {
  const std::lock_guard lock(mutex_);
  ProjectionRunner& runner = *shadow.runner;
  const auto go_on = [](Position) { return Status{}; };
  if (auto done = runner.run_to(active_.runner->position(), context_.options.max_batch, go_on);
      !done) {
    return failure(std::move(done).error());
  }
  if (auto flushed = runner.store()->flush(); !flushed) return failure(std::move(flushed).error());
  // Looked at before it serves: one that cannot be read replaces nothing.
  auto new_view = runner.store()->view();
  if (!new_view) return failure(std::move(new_view).error());
  if (auto pointed = context_.generations.make_current(name(), shadow.number); !pointed) {
    return failure(std::move(pointed).error());
  }
  std::swap(active_, shadow);
  written_out_ = active_.runner->position();
  live_.replace(active_.runner->store());
  ProjectionRunner& old = *shadow.runner;
  return Swapped{.old = std::move(shadow),
                 .old_checkpoint = old.checkpoint(),
                 .old_view = old.store()->view(),
                 .new_checkpoint = active_.runner->checkpoint(),
                 .new_view = *std::move(new_view)};
}

RebuildReport ProjectionSlot::report_on(Swapped& swapped) const {
  RebuildReport report{.name = name(),
                       .checkpoint = swapped.new_checkpoint,
                       .events = swapped.new_checkpoint.head.position.value(),
                       .old_digest = swapped.old_checkpoint.digest};
  if (!swapped.old_view) {
    report.unreadable = swapped.old_view.error();
    return report;
  }
  const auto differences = compare(*swapped.new_view, **swapped.old_view);
  if (differences) {
    report.differences = *differences;
  } else {
    report.unreadable = differences.error();
  }
  return report;
}

}  // namespace citas::projections

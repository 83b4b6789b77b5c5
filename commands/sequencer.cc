#include "commands/sequencer.h"

#include <algorithm>
#include <future>
#include <unordered_map>

#include "commands/state_cache.h"
#include "events/base/digest_hash.h"
#include "events/base/thread_name.h"

namespace citas::commands {
namespace {

Result<Event> read_event(const EventLog& log, const Codec& codec, Position position) {
  const auto record = read_one(log, position);
  if (!record) return failure(record.error());
  return codec.decode(record->bytes);
}

// Loads the states that a command is decided on, and has it decided.
class DecideOnState {
 public:
  DecideOnState(StateCache& cache, const TenantId& tenant, const Clock& clock, IdSource& ids,
                const std::set<CountryCode>& countries)
      : cache_(cache), tenant_(tenant), clock_(clock), ids_(ids), countries_(countries) {}

  Result<Decided> operator()(const RequestAppointment& request) const {
    return cache_.slot(tenant_, request.slot).map([&](const SlotState& state) {
      return commands::decide(state, request, context(AppointmentId{ids_.next()}));
    });
  }
  Result<Decided> operator()(const ConfirmAppointment& confirm) const {
    return on_appointment(confirm);
  }
  Result<Decided> operator()(const RejectAppointment& refusal) const {
    return on_appointment(refusal);
  }
  Result<Decided> operator()(const CancelAppointment& cancel) const {
    return on_appointment(cancel);
  }
  Result<Decided> operator()(const RecordDeadLetter& record) const {
    const auto id = dead_letter_id(record.letter.consumer, record.letter.message_id);
    return cache_.dead_letter(tenant_, id).map([&](const DeadLetterState& state) {
      return commands::decide(state, record);
    });
  }
  Result<Decided> operator()(const RetryDeadLetter& retry) const { return on_letter(retry); }
  Result<Decided> operator()(const DiscardDeadLetter& discard) const { return on_letter(discard); }

 private:
  BookingContext context(AppointmentId new_appointment) const {
    return {clock_.now(), new_appointment, countries_};
  }

  template <typename Data>
  Result<Decided> on_appointment(const Data& data) const {
    return cache_.appointment(tenant_, data.appointment).map([&](const AppointmentState& state) {
      return commands::decide(state, data, context(AppointmentId{}));
    });
  }

  // On a letter and the appointment that it names, if it does.
  template <typename Data>
  Result<Decided> on_letter(const Data& data) const {
    const auto state = cache_.dead_letter(tenant_, data.id);
    if (!state) return failure(state.error());
    if (!state->letter || !state->letter->recorded.appointment) {
      return commands::decide(*state, AppointmentState{}, data);
    }
    const auto appointment = cache_.appointment(tenant_, *state->letter->recorded.appointment);
    if (!appointment) return failure(appointment.error());
    return commands::decide(*state, *appointment, data);
  }

  StateCache& cache_;
  const TenantId& tenant_;
  const Clock& clock_;
  IdSource& ids_;
  const std::set<CountryCode>& countries_;
};

}  // namespace

// The commands of one commit, decided but not yet durable. Nobody is answered before finish().
class Sequencer::Batch {
 public:
  // Where it is not `admitted`, only repetitions are answered, and nothing is to be appended.
  Batch(Sequencer& sequencer, std::size_t size, Status admitted)
      : sequencer_(sequencer), head_(sequencer.log_.head()), admitted_(std::move(admitted)) {
    answers_.reserve(size);
  }

  // An Error means that the log could not be read: fatal, and nothing of the batch was done.
  Status decide(const Command& command);

  const AppendBatch& to_append() const { return append_; }
  std::vector<Outcome> finish(Position committed);

 private:
  Status accept(const Command& command, const Decision& decision);
  Status append_events(const Command& command, const Decision& decision);
  Status repeat(Position position);
  Result<bool> answer_repetition(const Command& command, const Fingerprint& fingerprint);
  Event envelope(const Command& command, CommandId id, EventData data);
  void remember(const CommandKey& key, const Fingerprint& fingerprint, Position position);

  Sequencer& sequencer_;
  const Head head_;
  const Status admitted_;
  AppendBatch append_;
  std::vector<Event> staged_;
  std::unordered_map<CommandKey, StoredOutcome, DigestHash> staged_results_;
  std::vector<Outcome> answers_;
};

Status Sequencer::Batch::decide(const Command& command) {
  std::optional<Fingerprint> key_fingerprint;
  if (command.idempotency) {
    key_fingerprint = sequencer_.fingerprint_(command.idempotency->canonical);
    const auto answered = answer_repetition(command, *key_fingerprint);
    if (!answered) return failure(answered.error());
    if (*answered) return {};
  }
  if (!admitted_) {
    answers_.push_back(tl::unexpected<Refusal>(admitted_.error()));
    return {};
  }
  const auto decided =
      std::visit(DecideOnState{*sequencer_.cache_, command.tenant, sequencer_.clock_,
                               sequencer_.ids_, sequencer_.options_.countries},
                 command.data);
  if (!decided) return failure(decided.error());
  if (!*decided) {
    answers_.push_back(tl::unexpected<Refusal>(decided->error()));
    return {};
  }
  const Status accepted = accept(command, **decided);
  if (!accepted) return accepted;
  const auto& answer = answers_.back();
  if (key_fingerprint && answer->event) {
    remember(command.idempotency->key, *key_fingerprint, answer->event->position);
  }
  return {};
}

// True when the key is known: then the command has been answered.
Result<bool> Sequencer::Batch::answer_repetition(const Command& command,
                                                 const Fingerprint& command_fingerprint) {
  const CommandKey& key = command.idempotency->key;
  std::optional<StoredOutcome> known;
  if (const auto staged = staged_results_.find(key); staged != staged_results_.end()) {
    known = staged->second;
  } else {
    const auto stored = sequencer_.log_.command_result(key);
    if (!stored) return failure(stored.error());
    if (*stored) {
      const auto outcome = decode_outcome(**stored);
      if (!outcome) return failure(outcome.error());
      known = *outcome;
    }
  }
  if (!known) return false;
  if (known->fingerprint != command_fingerprint) {
    answers_.push_back(tl::unexpected<Refusal>(Rejection{RejectionCode::kIdempotencyKeyReused}));
    return true;
  }
  const Status repeated = repeat(known->position);
  if (!repeated) return failure(repeated.error());
  return true;
}

Status Sequencer::Batch::accept(const Command& command, const Decision& decision) {
  if (!decision.events.empty()) return append_events(command, decision);
  if (decision.repeats) return repeat(*decision.repeats);
  answers_.push_back(Accepted{.event = std::nullopt, .replayed = true, .committed = {}});
  return {};
}

Status Sequencer::Batch::append_events(const Command& command, const Decision& decision) {
  const CommandId id{sequencer_.ids_.next()};
  for (const EventData& data : decision.events) {
    Event event = envelope(command, id, data);
    const Status applied = sequencer_.cache_->apply(event);
    if (!applied) return applied;
    append_.records.push_back({Codec::encode(event, sequencer_.log_.identity()), event.time,
                               event.tenant, tags_of(event.data)});
    staged_.push_back(std::move(event));
  }
  answers_.push_back(Accepted{.event = staged_.back(), .replayed = false, .committed = {}});
  return {};
}

Event Sequencer::Batch::envelope(const Command& command, CommandId id, EventData data) {
  return {.id = EventId{sequencer_.ids_.next()},
          .position = Position{head_.position.value() + staged_.size() + 1},
          .time = sequencer_.clock_.now(),
          .tenant = command.tenant,
          .actor = command.actor,
          .command = id,
          .correlation = command.correlation,
          .causation = command.causation,
          .traceparent = command.traceparent,
          .data = std::move(data)};
}

// Answers with the event at `position`, which this very batch may have staged.
Status Sequencer::Batch::repeat(Position position) {
  Accepted accepted{.event = std::nullopt, .replayed = true, .committed = {}};
  if (position > head_.position) {
    accepted.event = staged_.at(position.value() - head_.position.value() - 1);
  } else {
    auto event = read_event(sequencer_.log_, sequencer_.codec_, position);
    if (!event) return failure(event.error());
    accepted.event = *std::move(event);
  }
  answers_.push_back(std::move(accepted));
  return {};
}

void Sequencer::Batch::remember(const CommandKey& key, const Fingerprint& key_fingerprint,
                                Position position) {
  const StoredOutcome outcome{position, key_fingerprint};
  staged_results_.emplace(key, outcome);
  append_.results.push_back({key, encode_outcome(outcome), position});
}

std::vector<Outcome> Sequencer::Batch::finish(Position committed) {
  for (Outcome& answer : answers_) {
    if (answer) answer->committed = committed;
  }
  return std::move(answers_);
}

Sequencer::Sequencer(EventLog& log, const Codec& codec, const Clock& clock, IdSource& ids,
                     SequencerOptions options)
    : log_(log),
      codec_(codec),
      clock_(clock),
      ids_(ids),
      options_(std::move(options)),
      cache_(std::make_unique<StateCache>(log, codec, options_.max_cached_states)),
      fingerprint_(log.fingerprint_key()) {}

Sequencer::~Sequencer() = default;

Status Sequencer::submit(Command command, Completion done) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return failure(ErrorCode::kUnavailable, "the server is stopping; retry later");
    if (queue_.size() >= options_.max_queue) {
      return failure(ErrorCode::kUnavailable, "too many commands are waiting; retry later");
    }
    queue_.push_back({std::move(command), std::move(done)});
    if (queue_.size() > 1) return {};  // whoever put the first one in has woken the driver
  }
  work_.notify_one();
  return {};
}

std::vector<Sequencer::Waiting> Sequencer::take_waiting() {
  const std::lock_guard lock(mutex_);
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.max_batch));
  std::vector<Waiting> taken(std::make_move_iterator(queue_.begin()),
                             std::make_move_iterator(queue_.begin() + count));
  queue_.erase(queue_.begin(), queue_.begin() + count);
  return taken;
}

Result<std::size_t> Sequencer::step() {
  std::vector<Waiting> waiting = take_waiting();
  if (waiting.empty()) return 0;
  Batch batch(*this, waiting.size(), gate_());
  const auto refuse = [&](const Error& error) {
    for (const Waiting& one : waiting) one.done(tl::unexpected<Refusal>(error));
    return failure(fail(error));
  };
  for (const Waiting& one : waiting) {
    if (const Status decided = batch.decide(one.command); !decided) return refuse(decided.error());
  }
  const AppendBatch& append = batch.to_append();
  if (!append.records.empty() || !append.results.empty()) {
    const auto started = clock_.monotonic();
    const auto head = log_.append(append);
    if (!head) return refuse(head.error());
    log_.commit(head->position);
    if (observer_) observer_({waiting.size(), append.records.size(), clock_.monotonic() - started});
  }
  answering_([&] { answer(waiting, batch.finish(log_.committed())); });
  commands_ += waiting.size();
  cache_->trim();
  return waiting.size();
}

void Sequencer::answer(std::vector<Waiting>& waiting, std::vector<Outcome> outcomes) {
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (!outcomes[i]) ++rejected_;
    if (outcomes[i] && outcomes[i]->replayed) ++replayed_;
    waiting[i].done(std::move(outcomes[i]));
  }
}

Error Sequencer::fail(Error error) {
  std::deque<Waiting> abandoned;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    abandoned.swap(queue_);
  }
  work_.notify_all();
  const Error unavailable{ErrorCode::kUnavailable, "the server is stopping; retry later"};
  for (const Waiting& one : abandoned) one.done(tl::unexpected<Refusal>(unavailable));
  return error;
}

void Sequencer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  work_.notify_all();
}

bool Sequencer::wait_for_work(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, timeout, [&] { return stopped_ || !queue_.empty(); });
  return !stopped_ || !queue_.empty();
}

SequencerStats Sequencer::stats() const {
  const std::lock_guard lock(mutex_);
  return {commands_, rejected_, replayed_, queue_.size()};
}

void Sequencer::observe_batches(std::function<void(const BatchObservation&)> observer) {
  observer_ = std::move(observer);
}

SequencerThread::SequencerThread(Sequencer& sequencer, std::function<void(const Error&)> on_fatal)
    : sequencer_(sequencer), thread_([this, &sequencer, on_fatal = std::move(on_fatal)] {
        name_this_thread("sequencer");
        while (sequencer.wait_for_work(kLongestIdle)) {
          ++beats_;
          if (const auto stepped = sequencer.step(); !stepped) return on_fatal(stepped.error());
        }
      }) {}

SequencerThread::~SequencerThread() {
  sequencer_.stop();
  thread_.join();
}

Outcome execute(Sequencer& sequencer, Command command, std::chrono::milliseconds timeout) {
  // Shared with the completion, which may come after the caller has given up.
  const auto answer = std::make_shared<std::promise<Outcome>>();
  std::future<Outcome> future = answer->get_future();
  const Status submitted = sequencer.submit(
      std::move(command), [answer](Outcome outcome) { answer->set_value(std::move(outcome)); });
  if (!submitted) return tl::unexpected<Refusal>(submitted.error());
  if (future.wait_for(timeout) != std::future_status::ready) {
    return tl::unexpected<Refusal>(
        Error{ErrorCode::kUnknownOutcome,
              "no answer in time; repeat the request with the same Idempotency-Key"});
  }
  return future.get();
}

}  // namespace citas::commands

#include "workers/country_processor.h"

#include <algorithm>
#include <utility>

#include "workers/dead_letter.h"
#include "workers/event_message.h"
#include "workers/redelivery.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

// A bus loses a delivery now and then, not so many one after the other.
constexpr std::uint32_t kGapsOfARival = 5;
constexpr std::chrono::seconds kGapsForgotten{30};

constexpr char kSubjectHeader[] = "ce-subject";
const std::vector<std::string> kHeaders{kMessageIdHeader, kSourceHeader,   kEpochHeader,
                                        kSubjectHeader,   kPositionHeader, kPreviousHeader,
                                        kHashHeader};

Sending sending_of(const Message& message) {
  return parse_sending(find_header(message.headers, kMessageIdHeader).value_or(""));
}

// Whose log it was sent from. Empty when the message does not say.
std::string_view source_of(const Message& message) {
  return find_header(message.headers, kSourceHeader).value_or("");
}

// 0 when the message does not say.
std::uint64_t position_in(const Message& message, std::string_view header_name) {
  const auto header = find_header(message.headers, header_name);
  const auto position = header ? parse_position(*header) : std::nullopt;
  return position ? position->value() : 0;
}

// Where the log, and so CITAS_EVENTS, has the event.
std::uint64_t position_of(const Message& message) { return position_in(message, kPositionHeader); }

void note_seen(const Message& message, CountryChanges& changes) {
  const std::uint64_t position = position_of(message);
  if (position <= changes.seen) return;
  changes.seen = position;
  changes.hash = find_header(message.headers, kHashHeader).value_or("");
}

bool is_dead_letter(const Message& message) {
  return message.subject.ends_with(".deadletter.recorded");
}

// Nothing else tells a country's store anything: not what it has said itself, nor what a server of
// a later version may say about an appointment.
bool concerns_store(const Message& message) {
  const auto ends_with = [&](std::string_view end) { return message.subject.ends_with(end); };
  return message.subject.starts_with("citas.redeliver.") || ends_with(".appointment.requested") ||
         ends_with(".appointment.rejected") || ends_with(".appointment.cancelled");
}

std::optional<AppointmentId> appointment_of(const Message& message) {
  const auto id = Uuid::parse(find_header(message.headers, kSubjectHeader).value_or(""));
  return id ? std::optional(AppointmentId{*id}) : std::nullopt;
}

ConsumerSpec with_ack_wait(ConsumerSpec spec, std::chrono::milliseconds ack_wait) {
  spec.ack_wait = ack_wait;
  return spec;
}

}  // namespace

Result<std::unique_ptr<CountryProcessor>> CountryProcessor::open(CountryCode country, Bus& bus,
                                                                 const CountryRules& rules,
                                                                 const Codec& codec,
                                                                 const Clock& clock,
                                                                 const ProcessorOptions& options) {
  auto events = bus.open_source(processor_consumer(country), kHeaders);
  if (!events) return failure(std::move(events.error()));
  auto redelivered = bus.open_source(redeliver_consumer(country), kHeaders);
  if (!redelivered) return failure(std::move(redelivered.error()));
  auto publisher = bus.open_publisher({});
  if (!publisher) return failure(std::move(publisher.error()));
  return std::unique_ptr<CountryProcessor>(
      new CountryProcessor(country, bus, rules, codec, clock, options, std::move(*events),
                           std::move(*redelivered), std::move(*publisher)));
}

CountryProcessor::CountryProcessor(CountryCode country, Bus& bus, const CountryRules& rules,
                                   const Codec& codec, const Clock& clock,
                                   const ProcessorOptions& options,
                                   std::unique_ptr<MessageSource> events,
                                   std::unique_ptr<MessageSource> redelivered,
                                   std::unique_ptr<Publisher> publisher)
    : country_(country),
      name_(processor_consumer(country).durable),
      bus_(bus),
      rules_(rules),
      codec_(codec),
      clock_(clock),
      options_(options),
      ledger_(options.max_tries),
      events_(std::move(events)),
      redelivered_(std::move(redelivered)),
      events_keeper_(bus, *events_, clock,
                     with_ack_wait(processor_consumer(country), options.ack_wait), counters_),
      redelivered_keeper_(bus, *redelivered_, clock,
                          with_ack_wait(redeliver_consumer(country), options.ack_wait), counters_),
      outbox_(std::move(publisher), counters_,
              [this](const OutboxItem& item) { on_published(item); }) {}

void CountryProcessor::begin(CountryStore& store) {
  store_ = &store;
  ledger_.begin(store);
  forget_messages();
  mark_fits_ = false;
  events_keeper_.distrust();
  redelivered_keeper_.distrust();
}

void CountryProcessor::forget_messages() {
  group_.clear();
  suspects_.clear();
  published_before_.reset();
  // What is under way may not be in the store that comes now.
  outbox_.forget();
}

Result<bool> CountryProcessor::step() {
  if (auto past = ledger_.settle_past(); !past) return failure(std::move(past.error()));
  const bool settled = outbox_.settle();
  if (auto kept = keep_consumers(); !kept) return failure(std::move(kept.error()));
  if (!events_keeper_.in_place()) return settled;
  if (auto received = receive(); !received) return failure(std::move(received.error()));
  bool worked = !group_.empty();
  if (!group_.empty()) {
    auto done = process(std::exchange(group_, {}), /*alone=*/false);
    if (!done) return failure(std::move(done.error()));
  }
  const auto tried = process_one_suspect();
  if (!tried) return failure(tried.error());
  worked |= *tried;
  if (!worked) {
    if (auto saved = save_mark(); !saved) return failure(std::move(saved.error()));
  }
  return settled || worked;
}

void CountryProcessor::pause() {
  events_->leave();
  redelivered_->leave();
}

Result<bool> CountryProcessor::process_one_suspect() {
  if (suspects_.empty() || outbox_.free() == 0) return false;
  if (!may_try(suspects_.begin()->first)) return false;
  std::vector<Item> one;
  one.push_back(std::move(suspects_.extract(suspects_.begin()).mapped()));
  auto done = process(std::move(one), /*alone=*/true);
  if (!done) return failure(std::move(done.error()));
  return true;
}

bool CountryProcessor::may_try(std::uint32_t tries) {
  if (tries == 0) return true;
  if (!published_before_) published_before_ = outbox_.published();
  if (!outbox_.is_completed(*published_before_)) return false;
  published_before_.reset();
  return true;
}

Status CountryProcessor::save_mark() {
  if (settled_.mark() <= store_->mark().processed) return {};
  return store_->commit({.processed = settled_.mark()});
}

Status CountryProcessor::keep_consumers() {
  if (redelivered_keeper_.due()) redelivered_keeper_.keep(std::nullopt);
  if (settled_.has_gap() && events_keeper_.in_place()) note_gap();
  if (settled_.has_gap()) events_keeper_.distrust();
  if (gaps_ > 0 && clock_.monotonic() - last_gap_ > kGapsForgotten) {
    gaps_ = 0;
    rival_.set({});
  }
  if (!events_keeper_.due()) return {};
  if (events_keeper_.keep(store_->mark().processed)) begin_behind_mark();
  return check_mark();
}

void CountryProcessor::note_gap() {
  last_gap_ = clock_.monotonic();
  if (++gaps_ != kGapsOfARival) return;
  rival_.set("what the bus sends to " + name_ +
             " keeps getting lost on the way: another process may be reading it too, and a country "
             "has one processor (citas serve --workers, citas worker)");
}

void CountryProcessor::begin_behind_mark() {
  settled_.restart(store_->mark().processed, events_keeper_.first());
  tell_what_is_missing();
  std::erase_if(suspects_,
                [&](const auto& suspect) { return suspect.second.source == events_.get(); });
  published_before_.reset();
}

Status CountryProcessor::check_mark() {
  const CountryMark mark = store_->mark();
  mark_fits_ = mark.hash.empty();
  if (mark_fits_) return {};
  const auto there = bus_.message_at(kEventsStream, mark.seen);
  // A stream that is still being filled: of which log?
  const auto seen = there ? there : bus_.last_message(kEventsStream);
  if (!seen) return {};
  const auto origin = origin_of(seen->headers);
  if (!origin) return {};  // not the relay's: it will replace the stream
  const bool went_another_way = there && find_header(seen->headers, kHashHeader) != mark.hash;
  if (*origin != mark.log_source || went_another_way) return start_over(*origin);
  mark_fits_ = there.has_value();
  return {};
}

Status CountryProcessor::start_over(const std::string& log_source) {
  const std::string was = store_->mark().log_source;
  forget_messages();
  if (auto emptied = store_->reset(log_source); !emptied) return emptied;
  // A new store has asked for everything already.
  if (was.empty()) return {};
  options_.on_start_over(was, log_source);
  mark_fits_ = true;
  events_keeper_.distrust();
  begin_behind_mark();
  return {};
}

Status CountryProcessor::receive() {
  const std::size_t limit = std::min(options_.max_batch, outbox_.free());
  if (auto received = receive_from(*events_, limit); !received) return received;
  return receive_from(*redelivered_, limit - std::min(limit, group_.size()));
}

Status CountryProcessor::receive_from(MessageSource& source, std::size_t limit) {
  received_.clear();
  source.poll(limit, received_);
  for (Message& message : received_) {
    counters_.deliveries.add();
    counters_.redeliveries.add(message.deliveries > 1 ? 1 : 0);
    if (!is_of_country(message.subject, country_)) {
      // The bus repeats deliveries by their places, where others' messages may lie since a stream
      // was cut. They have their own consumers; what was lost here is missed by the next number.
      static_cast<void>(source.term(message));
      continue;
    }
    if (!is_next(source, message)) continue;
    const auto admitted = admit(source, message);
    if (!admitted) return failure(admitted.error());
    // The store was emptied, and all of this comes again.
    if (!events_keeper_.in_place()) return {};
    if (!*admitted) continue;
    if (auto taken = take(source, std::move(message)); !taken) return taken;
  }
  return {};
}

bool CountryProcessor::is_next(const MessageSource& source, const Message& message) {
  if (&source != events_.get()) return true;
  const Sending sending = sending_of(message);
  const bool is_next =
      settled_.receive({.consumer_sequence = message.consumer_sequence,
                        .stream_sequence = message.stream_sequence,
                        .key = sending.event,
                        .is_in_place = position_of(message) == message.stream_sequence,
                        .previous = position_in(message, kPreviousHeader)});
  tell_what_is_missing();
  return is_next;
}

void CountryProcessor::tell_what_is_missing() {
  const auto behind = settled_.missing_behind();
  if (behind.has_value() == is_missing_told_) return;
  is_missing_told_ = behind.has_value();
  missing_.set(behind ? "the bus has left out events of this country behind position " +
                            std::to_string(*behind) +
                            "; they are made up for when the server has filled the stream again"
                      : std::string());
}

std::string CountryProcessor::trouble() const {
  for (std::string trouble :
       {events_keeper_.trouble(), rival_.text(), missing_.text(), later_.text()}) {
    if (!trouble.empty()) return trouble;
  }
  return {};
}

Result<bool> CountryProcessor::admit(MessageSource& source, const Message& message) {
  const auto origin = origin_of(message.headers);
  if (origin && *origin != store_->mark().log_source) {
    if (auto settled = doubt_log(source, message); !settled) return failure(settled.error());
    if (*origin != store_->mark().log_source) return false;
  }
  if (position_of(message) <= store_->mark().seen || mark_fits_) return true;
  if (auto checked = check_mark(); !checked) return failure(std::move(checked.error()));
  if (!mark_fits_) static_cast<void>(source.nak(message, options_.first_backoff));
  return mark_fits_;
}

Status CountryProcessor::take(MessageSource& source, Message message) {
  Item item{&source, std::move(message), {}, 0};
  item.key = tries_key(sending_of(item.message));
  const auto tries = ledger_.count(item.key);
  if (!tries) return failure(tries.error());
  item.tries = tries->value_or(0);
  if (*tries) {
    const std::uint32_t count = item.tries;
    suspects_.emplace(count, std::move(item));
  } else {
    group_.push_back(std::move(item));
  }
  return {};
}

Status CountryProcessor::doubt_log(MessageSource& source, const Message& message) {
  const auto last = bus_.last_message(kEventsStream);
  if (!last) {
    static_cast<void>(source.nak(message, options_.first_backoff));
    return {};
  }
  const std::string current = origin_of(last->headers).value_or("");
  const std::string known = store_->mark().log_source;
  if (current == known) {
    // Left over from another log, or another future of this one, whose streams are gone.
    static_cast<void>(source.term(message));
    settle(source, message);
    return {};
  }
  return start_over(current);
}

Status CountryProcessor::process(std::vector<Item> items, bool alone) {
  if (auto started = start_tries(items, alone); !started) return started;
  Round round;
  std::vector<Trial> trials;
  trials.reserve(items.size());
  for (Item& item : items) {
    auto trial = try_one(item, round);
    if (!trial) return failure(std::move(trial.error()));
    trials.push_back(std::move(*trial));
    note_seen(item.message, round.changes);
  }
  round.changes.processed = settled_.mark();
  if (auto committed = store_->commit(round.changes); !committed) return committed;
  if (auto finished = ledger_.finish(); !finished) return finished;
  for (std::size_t i = 0; i < items.size(); ++i) conclude(std::move(items[i]), trials[i]);
  return {};
}

Status CountryProcessor::start_tries(const std::vector<Item>& items, bool alone) {
  std::vector<Tries> tried;
  for (const Item& item : items) {
    if (item.key.empty() || !concerns_store(item.message)) continue;
    tried.push_back({item.key, item.tries});
  }
  return ledger_.start(tried, alone);
}

Result<CountryProcessor::Trial> CountryProcessor::try_one(Item& item, Round& round) {
  if (is_dead_letter(item.message)) note_recorded(item.message);
  if (!concerns_store(item.message)) return Trial{};
  if (auto started = ledger_.start_try(item.key); !started) return failure(started.error());
  if (ledger_.is_spent(item.tries)) {
    return Trial{.verdict = Verdict::kGiveUp, .reason = reasons::kProcessingFailed};
  }
  auto trial = decide(item, round);
  if (!trial) return trial;
  if (auto counted = count_try(item, *trial, round); !counted) return failure(counted.error());
  return trial;
}

Result<CountryProcessor::Trial> CountryProcessor::decide(const Item& item, Round& round) {
  const auto known = codec_.decode_known(item.message.payload);
  if (!known) return Trial{.verdict = Verdict::kGiveUp, .reason = reasons::kMalformedMessage};
  if (!*known) return Trial{.verdict = Verdict::kWait};
  const Event& event = **known;
  const auto appointment = citas::appointment_of(event.data);
  if (country_of(event.data) != country_ || !appointment) {
    return Trial{.verdict = Verdict::kGiveUp, .reason = reasons::kCountryMismatch};
  }
  auto existing = entry_of(*appointment, round);
  if (!existing) return failure(std::move(existing.error()));
  auto decision = decide_registration(*existing, event, rules_);
  if (!decision) return Trial{.verdict = Verdict::kRetry};
  if (decision->store) {
    round.entries.insert_or_assign(*appointment, *decision->store);
    round.changes.entries.push_back({*appointment, std::move(*decision->store)});
  }
  if (!decision->publish) return Trial{};
  return Trial{.verdict = Verdict::kConfirm,
               .confirmation = std::move(decision->publish),
               .traceparent = event.traceparent};
}

Result<std::optional<CountryEntry>> CountryProcessor::entry_of(AppointmentId appointment,
                                                               const Round& round) const {
  const auto found = round.entries.find(appointment);
  if (found != round.entries.end()) return std::optional(found->second);
  return store_->find(appointment);
}

// What was noted before the try is forgotten, unless the message failed and comes again.
Status CountryProcessor::count_try(Item& item, Trial& trial, Round& round) {
  item.tries += 1;
  const Sending sending = sending_of(item.message);
  if (item.key.empty()) {
    if (trial.verdict == Verdict::kRetry) {
      trial = {.verdict = Verdict::kGiveUp, .reason = reasons::kMalformedMessage};
    }
    return {};
  }
  if (trial.verdict != Verdict::kRetry) {
    round.changes.settled.push_back(item.key);
    if (trial.verdict == Verdict::kWait) return {};
    // Rare: what was given up before an operator's retry.
    if (sending.retry != Position{0}) round.changes.ended.push_back(sending.event);
    return {};
  }
  round.changes.failed.push_back({item.key, item.tries});
  if (ledger_.is_spent(item.tries)) {
    trial = {.verdict = Verdict::kGiveUp, .reason = reasons::kProcessingFailed};
  }
  return ledger_.note_failed({item.key, item.tries});
}

void CountryProcessor::conclude(Item item, const Trial& trial) {
  switch (trial.verdict) {
    case Verdict::kDone:
      counters_.completed.add();
      // If this gets lost, the message comes again and leads to the same.
      static_cast<void>(item.source->ack(item.message));
      return settle(*item.source, item.message);
    case Verdict::kConfirm:
      return confirm(std::move(item), trial);
    case Verdict::kRetry:
      counters_.retries.add();
      static_cast<void>(item.source->nak(item.message, backoff(item.tries)));
      return;
    case Verdict::kWait:
      counters_.retries.add();
      static_cast<void>(item.source->nak(item.message, options_.longest_backoff));
      return later_.set(
          "there are events of a later version of citas: update this worker, and start "
          "it again; they wait until then");
    case Verdict::kGiveUp:
      return give_up(std::move(item), trial.reason);
  }
}

void CountryProcessor::settle(const MessageSource& source, const Message& message) {
  if (&source == events_.get()) settled_.settle(message.stream_sequence);
}

void CountryProcessor::on_published(const OutboxItem& item) {
  if (item.settlement == Settlement::kAcknowledge) return settle(*item.source, item.message);
  if (item.source == events_.get()) settled_.give_up(item.message.stream_sequence);
}

void CountryProcessor::note_recorded(const Message& message) {
  const auto event = codec_.decode(message.payload);
  const auto* letter = event ? std::get_if<DeadLetterRecorded>(&event->data) : nullptr;
  if (letter != nullptr && letter->consumer == name_) {
    settled_.note_recorded(parse_sending(letter->message_id).event);
  }
}

void CountryProcessor::confirm(Item item, const Trial& trial) {
  const std::string subject = confirmation_subject(country_);
  const std::string id = message_id(*trial.confirmation);
  const std::string payload = encode(*trial.confirmation);
  Headers headers;
  if (const auto log = source_of(item.message); !log.empty()) {
    headers.push_back({kLogHeader, std::string(log)});
  }
  if (!trial.traceparent.empty()) headers.push_back({kTraceparentHeader, trial.traceparent});
  outbox_.publish({item.source, std::move(item.message)}, {.subject = subject,
                                                           .message_id = id,
                                                           .headers = headers,
                                                           .payload = payload,
                                                           .expected_last_sequence = {}});
}

void CountryProcessor::give_up(Item item, std::string_view reason) {
  DeadLetter dead = make_dead_letter(item.message, name_, country_, reason);
  // However often a request was sent, it is one letter.
  dead.letter.message_id = parse_sending(dead.letter.message_id).event;
  dead.letter.attempts = item.tries;
  dead.letter.appointment = appointment_of(item.message);
  dead.retry = sending_of(item.message).retry;
  const std::string log(source_of(item.message));
  publish_dead_letter(outbox_, dead, log, {item.source, std::move(item.message)});
}

std::chrono::milliseconds CountryProcessor::backoff(std::uint32_t tries) const {
  auto delay = options_.first_backoff;
  for (std::uint32_t i = 1; i < tries && delay < options_.longest_backoff; ++i) delay *= 2;
  return std::min(delay, options_.longest_backoff);
}

}  // namespace citas::workers

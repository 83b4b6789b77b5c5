#include "workers/relay.h"

#include <algorithm>
#include <utility>

#include "events/base/hex.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

// After a failure, so that a bus in trouble is not asked in a tight loop.
constexpr std::chrono::milliseconds kLookInterval{200};
constexpr std::chrono::milliseconds kLagInterval{100};
constexpr std::chrono::seconds kStreamsInterval{2};
constexpr std::chrono::seconds kSettingsInterval{6};
// Far longer than a nats-server takes to delete the files of a stream.
constexpr std::chrono::seconds kDeletionTime{1};
constexpr std::chrono::seconds kStorageInterval{5};
// Comparing a large stream takes long, and a doubt may be wrong.
constexpr std::chrono::minutes kDoubtInterval{10};
// Before the streams are taken back from another server, which may only have been a mistake.
constexpr std::chrono::milliseconds kShortestTruce{std::chrono::seconds{5}};
constexpr std::chrono::milliseconds kLongestTruce{std::chrono::minutes{5}};
constexpr std::chrono::minutes kRivalRemembered{15};

std::optional<Position> position_of(const StoredMessage& message) {
  const auto header = find_header(message.headers, kPositionHeader);
  return header ? parse_position(*header) : std::nullopt;
}

// Nobody deletes single messages, and limits remove the oldest.
bool is_gapless(const StreamInfo& info) {
  return info.last_sequence == 0 || info.messages + info.first_sequence == info.last_sequence + 1;
}

auto no_copy(const std::string& why) {
  return failure(ErrorCode::kConflict, "the stream " + std::string(kEventsStream) + ": " + why);
}

// What may be gone at the next look. A stream that says that it has messages and has no last one is
// not of that kind: nats-server takes the files that tell what a stream holds at their word.
bool is_for_now(const Error& error) { return error.code == ErrorCode::kUnavailable; }

}  // namespace

Status check_streams_are_free(Bus& bus, const LogIdentity& log, const MayReplace& may_replace) {
  if (!may_replace) return {};
  const auto last = bus.last_message(kEventsStream);
  if (!last && is_for_now(last.error())) return failure(last.error());
  if (!last) return {};
  const auto source = find_header(last->headers, kSourceHeader);
  if (!source || *source == log.source() || may_replace(*source)) return {};
  return failure(ErrorCode::kFailedPrecondition,
                 "the streams of the bus are of another log, " + std::string(*source) +
                     ", and this is " + log.source() +
                     ": give each a bus of its own, and see whether the right disk is mounted; if "
                     "that log is given up, --replaces-log lets its streams be deleted; see "
                     "ops/runbooks/lost-bus.md");
}

Result<std::unique_ptr<Relay>> Relay::open(const EventLog& log, Bus& bus, const Clock& clock,
                                           const RelayOptions& options) {
  auto publisher = bus.open_publisher({.window = options.window});
  if (!publisher) return failure(std::move(publisher.error()));
  auto audit = StreamAudit::open(log, bus, clock, options.audit);
  if (!audit) return failure(std::move(audit.error()));
  return std::unique_ptr<Relay>(
      new Relay(log, bus, clock, options, std::move(*publisher), std::move(*audit)));
}

Result<bool> Relay::step() {
  const bool settled = settle();
  note_lag();
  if (reconciled_ && connection_ != bus_.connection_count()) look_again();
  if (!bus_.connected()) return settled;
  if (reconciled_ && !streams_are_as_left()) look_again();
  if (reconciled_) {
    audit_doubted_stream();
    if (auto sound = audit(); !sound || !*sound) return sound;
    note_storage();
    auto published = publish_more();
    return published ? Result<bool>(*published || settled) : published;
  }
  // What is still in flight could change the stream under our eyes.
  if (in_flight_ > 0 || clock_.monotonic() < next_look_) return settled;
  return reconcile();
}

Result<bool> Relay::reconcile() {
  next_look_ = clock_.monotonic() + kLookInterval;
  const std::uint64_t connection = bus_.connection_count();
  const auto end = bring_in_line();
  if (!end && end.error().code == ErrorCode::kCorruption) return failure(end.error());
  if (!end) {
    trouble_.set(end.error().message);
    return false;
  }
  refused_since_look_ = false;
  const bool nothing_waits = *end == log_.committed();
  if (nothing_waits) refusal_.clear();
  is_ours_ = true;
  bus_is_ours_ = true;
  tell_trouble();
  sent_ = *end;
  chain_.begin(sent_);
  acknowledged_.set(sent_.value());
  next_streams_look_ = clock_.monotonic() + kStreamsInterval;
  connection_ = connection;
  reconciled_ = true;
  audit_->begin(sent_);
  return true;
}

bool Relay::streams_are_as_left() {
  if (clock_.monotonic() < next_streams_look_) return true;
  next_streams_look_ = clock_.monotonic() + kStreamsInterval;
  forget_rival();
  for (const StreamSpec& spec : stream_specs()) {
    const auto info = bus_.stream_info(spec.name);
    if (info && !is_as_left(spec, *info)) return false;
    // A bus that does not answer says nothing about its streams.
    if (!info) return info.error().code != ErrorCode::kNotFound;
  }
  if (!settings_are_as_left()) return false;
  // Others' messages may be as many.
  if (in_flight_ > 0) return true;
  const auto end = verified_end();
  return end ? *end == sent_ : end.error().code != ErrorCode::kConflict;
}

bool Relay::settings_are_as_left() {
  if (clock_.monotonic() < next_settings_look_) return true;
  next_settings_look_ = clock_.monotonic() + kSettingsInterval;
  const Status ensured = ensure_streams(bus_);
  return ensured || ensured.error().code != ErrorCode::kConflict;
}

bool Relay::is_as_left(const StreamSpec& spec, const StreamInfo& info) const {
  if (!is_gapless(info) || spec.name != kEventsStream) return is_gapless(info);
  const bool begins_with_the_log = info.last_sequence == 0 || info.first_sequence == 1;
  return begins_with_the_log && info.last_sequence >= acknowledged_.value() &&
         info.last_sequence <= sent_.value();
}

void Relay::audit_doubted_stream() {
  if (!doubted_.exchange(false) || audit_->is_under_way()) return;
  if (clock_.monotonic() < next_doubt_) return;
  next_doubt_ = clock_.monotonic() + kDoubtInterval;
  audit_->begin(Position{acknowledged_.value()});
}

Result<bool> Relay::audit() {
  auto found = audit_->step();
  if (!found) return failure(found.error());
  if (!*found) return true;
  difference_ = **std::move(found);
  look_again();
  return false;
}

Result<Position> Relay::bring_in_line() {
  if (auto free = check_streams_are_free(bus_, log_.identity(), options_.may_replace); !free) {
    if (!is_for_now(free.error())) bus_is_ours_ = false;
    return failure(std::move(free.error()));
  }
  if (auto gone = await_deletions(); !gone) return failure(std::move(gone.error()));
  if (auto usable = make_usable(); !usable) return failure(std::move(usable.error()));
  if (auto mended = mend_other_streams(); !mended) return failure(std::move(mended.error()));
  if (difference_) return make_again(*difference_);
  const auto end = verified_end();
  if (end || end.error().code != ErrorCode::kConflict) return end;
  if (auto free = leave_to_rival(); !free) return failure(std::move(free.error()));
  return make_again(end.error().message);
}

Status Relay::await_deletions() {
  // Nothing is being deleted where the streams were never there, or a bus has been started since.
  if (connection_ != bus_.connection_count()) return {};
  std::size_t missing = 0;
  for (const StreamSpec& spec : stream_specs()) {
    const auto info = bus_.stream_info(spec.name);
    if (!info && info.error().code == ErrorCode::kNotFound) ++missing;
  }
  const auto now = clock_.monotonic();
  if (missing != missing_) missing_since_ = now;
  missing_ = missing;
  if (missing > 0 && now - missing_since_ < kDeletionTime) {
    return failure(ErrorCode::kUnavailable,
                   "streams were deleted on the bus, and are made anew in a moment");
  }
  missing_ = 0;
  return {};
}

Status Relay::make_usable() {
  for (const StreamSpec& spec : stream_specs()) {
    auto ensured = bus_.ensure_stream(spec);
    if (!ensured && ensured.error().code == ErrorCode::kConflict) {
      ensured = make_again(spec, ensured.error().message);
    }
    if (!ensured) return ensured;
  }
  return {};
}

Status Relay::make_again(const StreamSpec& spec, const std::string& why) {
  options_.on_replaced(why);
  rebuilds_.add();
  if (auto deleted = bus_.delete_stream(spec.name); !deleted) return deleted;
  return bus_.ensure_stream(spec);
}

Status Relay::mend_other_streams() {
  for (const StreamSpec& spec : stream_specs()) {
    if (spec.name == kEventsStream) continue;
    const auto info = bus_.stream_info(spec.name);
    if (!info) return failure(info.error());
    if (is_gapless(*info)) continue;
    const std::string why = "the stream " + spec.name + ": it lacks messages";
    if (auto made = make_again(spec, why); !made) return made;
  }
  return {};
}

Result<Position> Relay::make_again(const std::string& why) {
  rebuilds_.add();
  options_.on_replaced(why);
  if (auto deleted = delete_streams(bus_); !deleted) return failure(std::move(deleted.error()));
  if (auto ensured = ensure_streams(bus_); !ensured) return failure(std::move(ensured.error()));
  difference_.reset();
  return Position{0};
}

Status Relay::leave_to_rival() {
  if (others_log_.empty() || !std::exchange(is_ours_, false)) return {};
  bus_is_ours_ = false;
  rival_ = "another server, of " + others_log_ +
           ", fills the streams of this bus too, each over the other: give it a bus of its own";
  rival_seen_ = clock_.monotonic();
  rival_pause_ = std::clamp(rival_pause_ * 2, kShortestTruce, kLongestTruce);
  next_look_ = rival_seen_ + rival_pause_;
  return failure(ErrorCode::kUnavailable, rival_);
}

void Relay::forget_rival() {
  if (rival_.empty() || clock_.monotonic() - rival_seen_ < kRivalRemembered) return;
  rival_.clear();
  rival_pause_ = {};
  tell_trouble();
}

// A copy of this log has its identity and its epoch. What it wrote since lies in its own place, and
// is not what this log has there.
void Relay::note_writer(const StoredMessage& last) {
  const auto source = find_header(last.headers, kSourceHeader);
  if (source && *source != log_.identity().source()) others_log_ = *source;
  const auto position = position_of(last);
  if (!position || position->value() != last.sequence) return;
  if (origin_of(last.headers) != origin_of(log_)) return;
  const auto record = read_one(log_, *position);
  if (record && find_header(last.headers, kHashHeader) == to_hex(record->hash)) return;
  others_log_ = "a copy of this very log (to serve both, make one by citas backup restore)";
}

Result<Position> Relay::verified_end() {
  others_log_.clear();
  const auto info = bus_.stream_info(kEventsStream);
  if (!info) return failure(info.error());
  if (info->last_sequence == 0) return Position{0};
  if (info->first_sequence != 1 || !is_gapless(*info)) return no_copy("it lacks messages");
  const auto last = bus_.last_message(kEventsStream);
  if (!last && is_for_now(last.error())) return failure(last.error());
  if (!last) return no_copy("its last message cannot be read");
  note_writer(*last);
  const auto position = position_of(*last);
  const bool fits = position && position->value() == last->sequence &&
                    position->value() == info->last_sequence && *position <= log_.committed();
  if (!fits) return no_copy("its last message is not the log's at that place");
  // A restore began another future: what consumers hold may be of one that was given up.
  if (origin_of(last->headers) != origin_of(log_)) return no_copy("it is of another log or epoch");
  // The hash of a chain covers the identity of its log and everything before.
  const auto record = read_one(log_, *position);
  if (!record) return failure(record.error());
  if (find_header(last->headers, kHashHeader) != to_hex(record->hash)) {
    return no_copy("its last message has another hash than the log's");
  }
  return *position;
}

Result<bool> Relay::publish_more() {
  const std::size_t limit = std::min(options_.max_batch, publisher_->free());
  if (limit == 0 || sent_ >= log_.committed()) return false;
  Result<bool> published = false;
  const Status read = log_.read(sent_, limit, [&](const RecordView& record) {
    published = publish(record);
    return published && *published;
  });
  if (!read) return failure(read.error());
  if (!published) return published;
  if (!*published) look_again();
  return true;
}

Result<bool> Relay::publish(const RecordView& record) {
  auto message = reader_.read(log_.epoch(), record.position, record.hash, record.bytes);
  if (!message) return failure(message.error());
  const auto previous = chain_.link(message->country, record.position);
  if (!previous) return failure(previous.error());
  if (*previous) {
    message->headers.push_back({kPreviousHeader, std::to_string((*previous)->value())});
  }
  const Status accepted = publisher_->publish(
      record.position.value(), {.subject = message->subject,
                                .message_id = message->id,
                                .headers = message->headers,
                                .payload = record.bytes,
                                .expected_last_sequence = record.position.value() - 1});
  if (!accepted) {
    note_refusal(record.position, accepted.error().message);
    return false;
  }
  sent_ = record.position;
  ++in_flight_;
  return true;
}

bool Relay::settle() {
  completions_.clear();
  publisher_->poll(completions_);
  for (const Completion& completion : completions_) {
    --in_flight_;
    const bool stored = completion.outcome && completion.outcome->sequence == completion.ticket;
    if (!stored) {
      note_refusal(Position{completion.ticket}, completion.outcome
                                                    ? "it has the event at another place"
                                                    : completion.outcome.error().message);
      look_again();
    }
    if (stored) note_acceptance();
    if (stored && reconciled_) {
      // At its own position, and so behind all before it: the bus refuses it anywhere else. Their
      // acknowledgements may still be under way, or lost.
      acknowledged_.set(std::max(acknowledged_.value(), completion.ticket));
    }
  }
  return !completions_.empty();
}

void Relay::note_refusal(Position position, const std::string& why) {
  if (refused_since_look_) return;
  refused_since_look_ = true;
  refusal_ = "the bus does not take event " + std::to_string(position.value()) + ": " + why;
  trouble_.set(refusal_);
}

void Relay::note_acceptance() {
  if (refusal_.empty()) return;
  refusal_.clear();
  tell_trouble();
}

void Relay::look_again() {
  reconciled_ = false;
  audit_->stop();
}

void Relay::note_lag() {
  if (clock_.monotonic() < next_lag_look_) return;
  next_lag_look_ = clock_.monotonic() + kLagInterval;
  const Position acknowledged{acknowledged_.value()};
  std::int64_t oldest = 0;
  if (acknowledged < log_.committed()) {
    // An unreadable log shows itself when it is published.
    static_cast<void>(log_.read(acknowledged, 1, [&](const RecordView& record) {
      oldest = record.running_maximum.time_since_epoch().count();
      return false;
    }));
  }
  oldest_waiting_ms_.set(static_cast<std::uint64_t>(oldest));
}

void Relay::note_storage() {
  if (clock_.monotonic() < next_storage_look_) return;
  next_storage_look_ = clock_.monotonic() + kStorageInterval;
  const auto use = bus_.storage_use();
  if (!use) return;
  storage_used_bytes_.set(use->used_bytes);
  storage_max_bytes_.set(use->max_bytes.value_or(0));
}

RelayStats Relay::stats() const {
  RelayStats stats{.published = acknowledged_.value(), .rebuilds = rebuilds_.value()};
  stats.storage.used_bytes = storage_used_bytes_.value();
  if (const std::uint64_t max = storage_max_bytes_.value(); max > 0) stats.storage.max_bytes = max;
  const std::uint64_t committed = log_.committed().value();
  stats.lag_events = committed > stats.published ? committed - stats.published : 0;
  const auto oldest = static_cast<std::int64_t>(oldest_waiting_ms_.value());
  if (stats.lag_events > 0 && oldest > 0) {
    const Timestamp since{std::chrono::milliseconds{oldest}};
    stats.lag = std::max(std::chrono::milliseconds{0}, clock_.now() - since);
  }
  return stats;
}

}  // namespace citas::workers

#include "workers/memory/memory_broker.h"

#include <algorithm>
#include <utility>

#include "workers/topology.h"

namespace citas::workers {
namespace {

std::pair<std::string_view, std::string_view> split_word(std::string_view subject) {
  const std::size_t dot = subject.find('.');
  if (dot == std::string_view::npos) return {subject, {}};
  return {subject.substr(0, dot), subject.substr(dot + 1)};
}

auto no_such_stream(std::string_view stream) {
  return failure(ErrorCode::kNotFound, "stream " + std::string(stream) + " does not exist");
}

auto no_answer() { return failure(ErrorCode::kUnavailable, "the bus has no answer"); }

auto no_such_consumer(std::string_view stream, std::string_view durable) {
  return failure(ErrorCode::kNotFound, "consumer " + std::string(durable) + " of stream " +
                                           std::string(stream) + " does not exist");
}

}  // namespace

bool subject_matches(std::string_view filter, std::string_view subject) {
  while (!filter.empty() && !subject.empty()) {
    if (filter == ">") return true;
    const auto [wanted, filter_rest] = split_word(filter);
    const auto [word, subject_rest] = split_word(subject);
    if (wanted != "*" && wanted != word) return false;
    filter = filter_rest;
    subject = subject_rest;
  }
  return filter.empty() && subject.empty();
}

void MemoryBroker::set_up(bool up) {
  if (up && !up_) ++starts_;
  up_ = up;
}

void MemoryBroker::wipe() {
  streams_.clear();
  ++starts_;
}

void MemoryBroker::roll_back(std::string_view stream, std::uint64_t last) {
  Stream* found = find_stream(stream);
  if (found == nullptr) return;
  while (!found->messages.empty() && found->last() > last) found->messages.pop_back();
  std::erase_if(found->seen, [&](const auto& entry) { return entry.second.sequence > last; });
  ++starts_;
}

void MemoryBroker::damage(std::string_view stream, std::uint64_t sequence) {
  if (Stream* found = find_stream(stream)) found->damaged.insert(sequence);
}

MemoryBroker::Store MemoryBroker::copy() const {
  Store store;
  store.streams_ = streams_;
  return store;
}

void MemoryBroker::restore(const Store& copy) {
  streams_ = copy.streams_;
  ++starts_;
}

void MemoryBroker::lose(std::string_view stream, std::uint64_t sequence) {
  damage(stream, sequence);
  if (Stream* found = find_stream(stream)) ++found->lost;
}

void MemoryBroker::purge(std::string_view stream, std::uint64_t last) {
  Stream* found = find_stream(stream);
  if (found == nullptr) return;
  for (; !found->messages.empty() && found->first <= last; ++found->first) {
    found->messages.pop_front();
  }
}

void MemoryBroker::seal(std::string_view stream) {
  if (Stream* found = find_stream(stream)) found->sealed = true;
}

Status MemoryBroker::ensure_stream(const StreamSpec& spec) {
  Stream& stream = streams_[spec.name];
  if (stream.sealed) {
    return failure(ErrorCode::kConflict, "stream " + spec.name + " is sealed");
  }
  stream.spec = spec;
  return {};
}

void MemoryBroker::delete_stream(std::string_view stream) {
  const auto found = streams_.find(stream);
  if (found != streams_.end()) streams_.erase(found);
}

Result<StreamInfo> MemoryBroker::stream_info(std::string_view stream) const {
  if (refuse_looks_) return no_answer();
  const Stream* found = find_stream(stream);
  if (found == nullptr) return no_such_stream(stream);
  StreamInfo info{.last_sequence = found->last(), .messages = found->messages.size() - found->lost};
  info.first_sequence = info.last_sequence == 0 ? 0 : found->first;
  for (const StoredMessage& message : found->messages) info.bytes += message.payload.size();
  return info;
}

StorageUse MemoryBroker::storage_use() const {
  StorageUse use{.max_bytes = max_bytes_};
  for (const auto& [name, stream] : streams_) {
    for (const StoredMessage& message : stream.messages) use.used_bytes += message.payload.size();
  }
  return use;
}

Result<StoredMessage> MemoryBroker::last_message(std::string_view stream) const {
  if (refuse_messages_) return no_answer();
  const Stream* found = find_stream(stream);
  if (found == nullptr) return no_such_stream(stream);
  if (found->messages.empty()) {
    return failure(ErrorCode::kNotFound, "stream " + std::string(stream) + " is empty");
  }
  return message(stream, found->last());
}

Result<std::uint64_t> MemoryBroker::next_sequence(std::string_view stream,
                                                  std::string_view filter_subject,
                                                  std::uint64_t from) const {
  const Stream* found = find_stream(stream);
  if (found == nullptr) return no_such_stream(stream);
  for (std::uint64_t i = std::max(from, found->first); i <= found->last(); ++i) {
    const std::string& subject = found->messages[i - found->first].subject;
    if (subject_matches(filter_subject, subject)) return i;
  }
  return failure(ErrorCode::kNotFound, "no message from " + std::to_string(from) + " on");
}

Result<StoredMessage> MemoryBroker::message(std::string_view stream, std::uint64_t sequence) const {
  const Stream* found = find_stream(stream);
  if (found == nullptr) return no_such_stream(stream);
  const bool is_there = sequence >= found->first && sequence <= found->last();
  if (!is_there || found->damaged.contains(sequence)) {
    return failure(ErrorCode::kNotFound, "no message " + std::to_string(sequence));
  }
  return found->messages[sequence - found->first];
}

Result<ConsumerInfo> MemoryBroker::ensure_consumer(const ConsumerSpec& spec) {
  if (refuse_consumers_) return no_answer();
  Stream* stream = find_stream(spec.stream);
  if (stream == nullptr) return no_such_stream(spec.stream);
  const auto [found, is_new] = stream->consumers.try_emplace(spec.durable);
  Consumer& consumer = found->second;
  const bool changes = consumer.spec.filter_subject != spec.filter_subject ||
                       consumer.spec.start_sequence != spec.start_sequence;
  if (!is_new && changes) {
    return failure(
        ErrorCode::kFailedPrecondition,
        "consumer " + spec.durable + " exists with another filter or start: delete it first");
  }
  if (is_new) {
    consumer.next = std::max(stream->first, std::min(spec.start_sequence, stream->last() + 1));
  }
  consumer.spec = spec;
  return describe(*stream, consumer);
}

void MemoryBroker::delete_consumer(std::string_view stream, std::string_view durable) {
  Stream* found = find_stream(stream);
  if (found == nullptr) return;
  const auto consumer = found->consumers.find(durable);
  if (consumer != found->consumers.end()) found->consumers.erase(consumer);
}

Result<ConsumerInfo> MemoryBroker::consumer_info(std::string_view stream,
                                                 std::string_view durable) const {
  const Stream* found = find_stream(stream);
  if (found == nullptr) return no_such_stream(stream);
  const auto consumer = found->consumers.find(durable);
  if (consumer == found->consumers.end()) return no_such_consumer(stream, durable);
  return describe(*found, consumer->second);
}

ConsumerInfo MemoryBroker::describe(const Stream& stream, const Consumer& consumer) const {
  ConsumerInfo info{.ack_floor_stream_sequence = consumer.next - 1,
                    .delivered_stream_sequence = consumer.next - 1,
                    .ack_pending = consumer.outstanding.size()};
  if (!consumer.outstanding.empty()) {
    info.ack_floor_stream_sequence = consumer.outstanding.begin()->first - 1;
  }
  for (std::uint64_t i = std::max(consumer.next, stream.first); i <= stream.last(); ++i) {
    info.pending +=
        subject_matches(consumer.spec.filter_subject, stream.messages[i - stream.first].subject);
  }
  return info;
}

Result<PublishAck> MemoryBroker::publish(const Publication& publication) {
  Stream* stream = stream_of_subject(publication.subject);
  if (stream == nullptr) {
    return failure(ErrorCode::kUnavailable,
                   "no stream takes subject " + std::string(publication.subject));
  }
  auto outcome = store(*stream, publication);
  if (lose_acks_) return failure(ErrorCode::kUnknownOutcome, "the acknowledgement got lost");
  return outcome;
}

Result<PublishAck> MemoryBroker::store(Stream& stream, const Publication& publication) {
  if (stream.sealed) {
    return failure(ErrorCode::kFailedPrecondition, "stream " + stream.spec.name + " is sealed");
  }
  const auto now = clock_.monotonic();
  const std::string id(publication.message_id);
  const auto seen = stream.seen.find(id);
  if (seen != stream.seen.end() && seen->second.until > now) {
    return PublishAck{.sequence = seen->second.sequence, .duplicate = true};
  }
  const auto expected = publication.expected_last_sequence;
  if (expected && *expected != stream.last()) {
    return failure(ErrorCode::kConflict, "stream " + stream.spec.name + " ends at " +
                                             std::to_string(stream.last()) + ", not at " +
                                             std::to_string(*expected));
  }
  if (max_bytes_ && storage_use().used_bytes > *max_bytes_) {
    return failure(ErrorCode::kUnavailable, "insufficient resources");
  }
  const std::uint64_t sequence = stream.last() + 1;
  Headers headers(publication.headers.begin(), publication.headers.end());
  // As a nats-server keeps it.
  if (!id.empty()) headers.push_back({kMessageIdHeader, id});
  stream.messages.push_back({.subject = std::string(publication.subject),
                             .headers = std::move(headers),
                             .payload = std::string(publication.payload),
                             .sequence = sequence});
  if (!id.empty()) stream.seen[id] = {sequence, now + stream.spec.duplicate_window};
  return PublishAck{.sequence = sequence};
}

void MemoryBroker::deliver(std::string_view stream, std::string_view durable, std::size_t limit,
                           const std::function<void(const Delivery&)>& visit) {
  Stream* found = find_stream(stream);
  Consumer* consumer = find_consumer(stream, durable);
  if (consumer == nullptr || mute_) return;
  for (std::size_t i = 0; i < limit; ++i) {
    const auto sequence = next_due(*found, *consumer);
    if (!sequence) return;
    Outstanding& outstanding = consumer->outstanding[*sequence];
    outstanding.due = clock_.monotonic() + consumer->spec.ack_wait;
    const Delivery delivery{.message = found->messages[*sequence - found->first],
                            .deliveries = ++outstanding.deliveries,
                            .consumer_sequence = ++consumer->deliveries};
    if (deliveries_to_lose_ == 0) {
      visit(delivery);
    } else {
      --deliveries_to_lose_;
    }
  }
}

std::optional<std::uint64_t> MemoryBroker::next_due(const Stream& stream,
                                                    Consumer& consumer) const {
  const auto now = clock_.monotonic();
  std::erase_if(consumer.outstanding, [&](const auto& entry) {
    return entry.first < stream.first || entry.first > stream.last();
  });
  const auto due = std::ranges::find_if(consumer.outstanding,
                                        [&](const auto& entry) { return entry.second.due <= now; });
  if (due != consumer.outstanding.end()) return due->first;
  if (consumer.outstanding.size() >= consumer.spec.max_ack_pending) return std::nullopt;
  consumer.next = std::max(consumer.next, stream.first);
  while (consumer.next <= stream.last()) {
    const std::uint64_t sequence = consumer.next++;
    const StoredMessage& message = stream.messages[sequence - stream.first];
    if (stream.damaged.contains(sequence)) continue;
    if (subject_matches(consumer.spec.filter_subject, message.subject)) return sequence;
  }
  return std::nullopt;
}

void MemoryBroker::acknowledge(std::string_view stream, std::string_view durable,
                               std::uint64_t sequence) {
  Consumer* consumer = find_consumer(stream, durable);
  if (consumer != nullptr) consumer->outstanding.erase(sequence);
}

void MemoryBroker::postpone(std::string_view stream, std::string_view durable,
                            std::uint64_t sequence, std::chrono::milliseconds delay) {
  Consumer* consumer = find_consumer(stream, durable);
  if (consumer == nullptr) return;
  const auto found = consumer->outstanding.find(sequence);
  if (found != consumer->outstanding.end()) found->second.due = clock_.monotonic() + delay;
}

const MemoryBroker::Stream* MemoryBroker::find_stream(std::string_view name) const {
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : &found->second;
}

MemoryBroker::Stream* MemoryBroker::find_stream(std::string_view name) {
  const auto found = streams_.find(name);
  return found == streams_.end() ? nullptr : &found->second;
}

MemoryBroker::Stream* MemoryBroker::stream_of_subject(std::string_view subject) {
  for (auto& [name, stream] : streams_) {
    const bool takes = std::ranges::any_of(
        stream.spec.subjects, [&](const auto& filter) { return subject_matches(filter, subject); });
    if (takes) return &stream;
  }
  return nullptr;
}

MemoryBroker::Consumer* MemoryBroker::find_consumer(std::string_view stream,
                                                    std::string_view durable) {
  Stream* found = find_stream(stream);
  if (found == nullptr) return nullptr;
  const auto consumer = found->consumers.find(durable);
  return consumer == found->consumers.end() ? nullptr : &consumer->second;
}

}  // namespace citas::workers

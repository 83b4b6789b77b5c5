// Bus: the port to the message bus (streams, acknowledged publishing, durable consumers).
//
// The bus is transport, never the truth: a PublishAck means that the bus has the message, not that
// it is on a disk. Whoever relies on it must be able to publish again from the event log.
//
// Shape. A Bus is one connection. Its publishers and sources are polled by the one thread that owns
// the Bus; nothing here calls back. The management calls (streams and consumers) are rare round
// trips, bounded by the adapter's request timeout and refused at once while disconnected; every
// other call returns without waiting. News (acks, messages, a changed connection) is announced
// through the Wakeup that the adapter was given, which only the driver threads wait for.
//
// Delivery is at least once. What a source hands out is delivered again when it is not acknowledged
// within the consumer's ack_wait, to this process or to another of the same group.
//
// Thread-safety: a Bus and all that it made belong to one thread. connected(), connection() and
// connection_count() may be called from any.
// Ownership: publishers and sources must be destroyed before their Bus.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"

namespace citas::workers {

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

// The value of the first header of that exact name; nullopt when there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

struct StreamSpec {
  std::string name;
  std::vector<std::string> subjects;
  // A message id seen within this window is acknowledged as a duplicate and not stored again.
  std::chrono::milliseconds duplicate_window{std::chrono::minutes{2}};
  // Oldest messages are removed beyond these; zero means no limit.
  std::uint64_t max_bytes = 0;
  std::chrono::milliseconds max_age{0};
};

// Sequences start at 1; both are 0 in a stream that never held a message.
struct StreamInfo {
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// Of all streams that this client may see.
struct StorageUse {
  std::uint64_t used_bytes = 0;
  // nullopt: this client is given no limit of its own; the server's is not told.
  std::optional<std::uint64_t> max_bytes = std::nullopt;
};

struct StoredMessage {
  std::string subject;
  Headers headers;
  std::string payload;
  std::uint64_t sequence = 0;
};

struct ConsumerSpec {
  std::string stream;
  std::string durable;         // [A-Za-z0-9_-]+
  std::string filter_subject;  // of the stream's subjects, wildcards allowed
  // Sources of one group share the messages. Not empty.
  std::string deliver_group;
  // A message not acknowledged for this long is delivered again.
  std::chrono::milliseconds ack_wait{std::chrono::seconds{30}};
  // At most this many messages are delivered and not yet acknowledged; bounds every queue behind.
  std::uint32_t max_ack_pending = 1024;
  // Delivery begins at the first message of the filter at or behind this sequence; with what is
  // published next, if the stream ends before it.
  std::uint64_t start_sequence = 1;
};

struct ConsumerInfo {
  // Every message of the filter up to this stream sequence has been acknowledged.
  std::uint64_t ack_floor_stream_sequence = 0;
  std::uint64_t delivered_stream_sequence = 0;
  std::uint64_t ack_pending = 0;  // delivered, not acknowledged
  std::uint64_t pending = 0;      // not yet delivered
};

// Borrowed views: copied by publish() before it returns.
struct Publication {
  std::string_view subject;
  std::string_view message_id;  // empty: not deduplicated
  std::span<const Header> headers;
  std::string_view payload;
  // Stored only if the stream's last sequence is exactly this, else the completion is a Conflict.
  std::optional<std::uint64_t> expected_last_sequence;
};

struct PublishAck {
  std::uint64_t sequence = 0;
  bool duplicate = false;  // the message id was already stored, at that sequence
};

// What became of a publication. Failures:
//   Conflict            the stream's last sequence is another than expected; not stored
//   Unavailable         no stream takes this subject now, or it is full; not stored
//   FailedPrecondition  the bus refuses this message as it is; not stored
//   UnknownOutcome      no answer in time, or the connection broke: publish again with the same id
struct Completion {
  std::uint64_t ticket = 0;
  Result<PublishAck> outcome;
};

struct PublisherLimits {
  // Publications in flight and completions not yet polled, together.
  std::size_t window = 4096;
  std::chrono::milliseconds ack_timeout{std::chrono::seconds{5}};
};

// Publishes without waiting; every accepted publication is completed exactly once, through poll().
class Publisher {
 public:
  virtual ~Publisher() = default;
  // `ticket` is the caller's own and comes back in the completion. Publications are stored in the
  // order of the calls. Unavailable when disconnected or when free() is 0: nothing was sent.
  virtual Status publish(std::uint64_t ticket, const Publication& publication) = 0;
  // Appends the completions that have come in since, in any order.
  virtual void poll(std::vector<Completion>& out) = 0;
  // How many publications the window still takes.
  virtual std::size_t free() const = 0;
};

struct Message {
  std::string subject;
  Headers headers;  // those that open_source() was asked for
  std::string payload;
  std::uint64_t stream_sequence = 0;
  std::uint64_t deliveries = 1;  // this one included; may go back after a restart of the bus
  // Numbers the deliveries of a consumer from 1 on, repetitions included, in their order: where one
  // is missing, a delivery got lost on the way. Sources of one group share the numbers. May go back
  // after a restart of the bus.
  std::uint64_t consumer_sequence = 0;
  std::string reply;  // the adapter's, for acknowledging
};

// The receiving end of a durable consumer. It stays valid while the consumer is deleted and made
// again, and across reconnects.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  // Appends at most `limit` messages.
  virtual void poll(std::size_t limit, std::vector<Message>& out) = 0;
  // Forgets the messages received and not yet polled, as after deleting their consumer.
  virtual void discard() = 0;
  // Takes no part until the next poll() or discard(), so that the other sources of the group get
  // all of what comes. What was received and not yet polled comes again, to them.
  virtual void leave() = 0;

  // These three are sent, not confirmed: if one is lost, the message is delivered again.
  // Unavailable while disconnected.
  virtual Status ack(const Message& message) = 0;
  // Deliver again, not before `delay`.
  virtual Status nak(const Message& message, std::chrono::milliseconds delay) = 0;
  // Never deliver again.
  virtual Status term(const Message& message) = 0;
};

class Bus {
 public:
  virtual ~Bus() = default;

  virtual bool connected() const = 0;
  // One line for operators: "connected", or why not.
  virtual std::string connection() const = 0;
  // Grows with every established connection. The bus behind a new one may have lost messages.
  virtual std::uint64_t connection_count() const = 0;

  // Management. All return Unavailable when disconnected or not answered in time.

  // Creates the stream, or changes it to the spec. Conflict: one exists that cannot be changed so,
  // such as a sealed one; delete it first.
  virtual Status ensure_stream(const StreamSpec& spec) = 0;
  // With its messages and consumers. OK when there is none.
  virtual Status delete_stream(std::string_view stream) = 0;
  // NotFound: no such stream.
  virtual Result<StreamInfo> stream_info(std::string_view stream) = 0;
  // NotFound: no such stream, or it is empty.
  virtual Result<StoredMessage> last_message(std::string_view stream) = 0;
  // NotFound: no such stream, or it has no message of that sequence.
  virtual Result<StoredMessage> message_at(std::string_view stream, std::uint64_t sequence) = 0;
  // The sequence of the first message at or after `from` whose subject matches the filter.
  // NotFound: no such stream, or no such message.
  virtual Result<std::uint64_t> next_sequence(std::string_view stream,
                                              std::string_view filter_subject,
                                              std::uint64_t from) = 0;
  virtual Result<StorageUse> storage_use() = 0;

  // Creates the consumer, or changes it to the spec. NotFound: no such stream. FailedPrecondition:
  // one exists that cannot be changed so (another start or filter); delete it first.
  virtual Result<ConsumerInfo> ensure_consumer(const ConsumerSpec& spec) = 0;
  // OK when there is none.
  virtual Status delete_consumer(std::string_view stream, std::string_view durable) = 0;
  // NotFound: no such stream or consumer.
  virtual Result<ConsumerInfo> consumer_info(std::string_view stream, std::string_view durable) = 0;

  // Opens once and keep: a bus is no place for short-lived sources. Neither the consumer nor the
  // connection need exist yet. `header_names` says which headers to copy into its messages.
  virtual Result<std::unique_ptr<MessageSource>> open_source(
      const ConsumerSpec& spec, std::vector<std::string> header_names) = 0;
  virtual Result<std::unique_ptr<Publisher>> open_publisher(const PublisherLimits& limits) = 0;
};

}  // namespace citas::workers

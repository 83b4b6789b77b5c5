// MemoryBroker: a whole message bus in one object, single-threaded and deterministic.
//
// For tests and simulations: time comes from the Clock alone, nothing happens between calls. It
// does what bus.h promises and what the pinned nats-server does beyond that (a duplicate is told
// before the expected sequence is checked). The broker stands for the server: it outlives the
// MemoryBus objects connected to it, so that dropping those is a crash of the client.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/base/clock.h"
#include "workers/bus.h"

namespace citas::workers {

class MemoryBroker {
 public:
  // Borrows the clock.
  explicit MemoryBroker(const Clock& clock) : clock_(clock) {}
  MemoryBroker(const MemoryBroker&) = delete;
  MemoryBroker& operator=(const MemoryBroker&) = delete;

  // What it has stored. Copyable.
  class Store;

  // --- Faults. ---

  // Down: every bus is disconnected. Up again: a new connection, all streams as they were.
  void set_up(bool up);
  // The store is lost: no streams, no consumers. Counts as a restart.
  void wipe();
  // An older copy of the store came back: messages after `last` are gone. Counts as a restart.
  void roll_back(std::string_view stream, std::uint64_t last);
  // The bytes of a message are damaged: it is counted still, but can be read by nobody.
  void damage(std::string_view stream, std::uint64_t sequence);
  // A message is gone from the middle of a stream.
  void lose(std::string_view stream, std::uint64_t sequence);
  // Its oldest messages, up to that one, are gone.
  void purge(std::string_view stream, std::uint64_t last);
  // It takes nothing more, and cannot be changed.
  void seal(std::string_view stream);
  // While true, consumers deliver nothing.
  void mute(bool mute) { mute_ = mute; }
  // An older copy of everything came back. Counts as a restart.
  void restore(const Store& copy);
  // While true, publications are stored but their acks get lost (UnknownOutcome).
  void lose_acks(bool lose) { lose_acks_ = lose; }
  // While true, acks that arrive together arrive in the wrong order.
  void reverse_acks(bool reverse) { reverse_acks_ = reverse; }
  // While true, acks are on their way.
  void hold_acks(bool hold) { hold_acks_ = hold; }
  // The next so many deliveries get lost on the way.
  void lose_deliveries(std::size_t count) { deliveries_to_lose_ = count; }
  // While true, consumers are neither made nor described (Unavailable), but those there are
  // deliver.
  void refuse_consumers(bool refuse) { refuse_consumers_ = refuse; }

  // While true, nobody is told what a stream holds, or is shown its messages (Unavailable).
  void refuse_looks(bool refuse) { refuse_looks_ = refuse; }
  void refuse_messages(bool refuse) { refuse_messages_ = refuse; }

  // Publications are refused (Unavailable) while more than this is stored; nullopt: no limit.
  void limit_storage(std::optional<std::uint64_t> bytes) { max_bytes_ = bytes; }

  Store copy() const;

  // --- What the clients ask of it. ---

  bool up() const { return up_; }
  bool reverses_acks() const { return reverse_acks_; }
  bool holds_acks() const { return hold_acks_; }
  std::uint64_t starts() const { return starts_; }

  Status ensure_stream(const StreamSpec& spec);
  void delete_stream(std::string_view stream);
  Result<StreamInfo> stream_info(std::string_view stream) const;
  StorageUse storage_use() const;
  Result<StoredMessage> last_message(std::string_view stream) const;
  Result<std::uint64_t> next_sequence(std::string_view stream, std::string_view filter_subject,
                                      std::uint64_t from) const;
  // NotFound: no such message.
  Result<StoredMessage> message(std::string_view stream, std::uint64_t sequence) const;

  Result<ConsumerInfo> ensure_consumer(const ConsumerSpec& spec);
  void delete_consumer(std::string_view stream, std::string_view durable);
  Result<ConsumerInfo> consumer_info(std::string_view stream, std::string_view durable) const;

  Result<PublishAck> publish(const Publication& publication);
  struct Delivery {
    const StoredMessage& message;
    std::uint64_t deliveries;
    std::uint64_t consumer_sequence;
  };
  // Sources take part in a consumer's group from their first poll until they leave.
  void join(const std::string& stream, const std::string& durable) {
    ++members_[{stream, durable}];
  }
  void leave(const std::string& stream, const std::string& durable) {
    --members_[{stream, durable}];
  }
  int members(const std::string& stream, const std::string& durable) {
    return members_[{stream, durable}];
  }
  // Hands out what is due to the consumer now: redeliveries first. Nothing if it does not exist.
  void deliver(std::string_view stream, std::string_view durable, std::size_t limit,
               const std::function<void(const Delivery&)>& visit);
  void acknowledge(std::string_view stream, std::string_view durable, std::uint64_t sequence);
  // Delivers again after `delay`.
  void postpone(std::string_view stream, std::string_view durable, std::uint64_t sequence,
                std::chrono::milliseconds delay);

 private:
  struct Outstanding {
    std::uint64_t deliveries = 0;
    Clock::Monotonic due;  // when to deliver again
  };
  struct Consumer {
    ConsumerSpec spec;
    std::uint64_t next = 1;        // first sequence never delivered
    std::uint64_t deliveries = 0;  // so far
    std::map<std::uint64_t, Outstanding> outstanding;
  };
  struct Seen {
    std::uint64_t sequence;
    Clock::Monotonic until;
  };
  struct Stream {
    StreamSpec spec;
    std::uint64_t first = 1;
    std::deque<StoredMessage> messages;  // messages[i] has sequence first + i
    std::unordered_map<std::string, Seen> seen;
    std::map<std::string, Consumer, std::less<>> consumers;
    std::set<std::uint64_t> damaged;
    bool sealed = false;
    std::uint64_t lost = 0;  // of those, the ones not counted any more

    std::uint64_t last() const { return first + messages.size() - 1; }
  };

  Stream* find_stream(std::string_view name);
  const Stream* find_stream(std::string_view name) const;
  Stream* stream_of_subject(std::string_view subject);
  Consumer* find_consumer(std::string_view stream, std::string_view durable);
  Result<PublishAck> store(Stream& stream, const Publication& publication);
  ConsumerInfo describe(const Stream& stream, const Consumer& consumer) const;
  std::optional<std::uint64_t> next_due(const Stream& stream, Consumer& consumer) const;

  const Clock& clock_;
  bool up_ = true;
  bool lose_acks_ = false;
  bool reverse_acks_ = false;
  bool hold_acks_ = false;
  std::size_t deliveries_to_lose_ = 0;
  bool mute_ = false;
  bool refuse_consumers_ = false;
  bool refuse_looks_ = false;
  bool refuse_messages_ = false;
  std::optional<std::uint64_t> max_bytes_;
  std::uint64_t starts_ = 1;
  std::map<std::pair<std::string, std::string>, int> members_;  // by stream and durable
  std::map<std::string, Stream, std::less<>> streams_;
};

class MemoryBroker::Store {
  friend class MemoryBroker;
  std::map<std::string, Stream, std::less<>> streams_;
};

// Whether a subject matches a filter with the wildcards "*" (one word) and ">" (one or more, last).
bool subject_matches(std::string_view filter, std::string_view subject);

}  // namespace citas::workers

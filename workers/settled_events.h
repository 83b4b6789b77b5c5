// SettledEvents: up to where all events of a country are settled. Pure.
//
// Fed with the deliveries of a consumer and with what becomes of them, it tells the low-watermark:
// the last event before which nothing waits. The watermark is what a country's store remembers, and
// where its consumer begins when it is made again; it must never be ahead.
//
// That nothing was missed is known from the consumer's own numbering: a run begins with its first
// delivery and ends where a number is missing. What comes after a gap says nothing, until the
// consumer is made again. Messages of the consumer before it, which may still be under way, come
// before those of the new one, or are of another numbering: a run that begins with one of them is
// begun again.
//
// The bus may also have nothing to deliver where the log has an event: its message was purged, or
// is damaged, or a foreign one lies in its place. Each event tells which one of its country comes
// before it, and the watermark stays in front of what is missing, until the relay has filled the
// stream again, and the consumer is made again with it.
//
// An event that was given up is settled when the log has its dead letter on record, not before: the
// letter itself is on the bus, and may get lost with it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace citas::workers {

// One thread.
class SettledEvents {
 public:
  struct Delivery {
    std::uint64_t consumer_sequence;
    std::uint64_t stream_sequence;
    std::string_view key;  // the event's id; empty when it has none
    // Whether the log has this event at this place, as far as the message tells.
    bool is_in_place = true;
    // The country's event before it; 0: there is none, or the message does not say.
    std::uint64_t previous = 0;
  };

  // The consumer was made again, to begin behind `mark`, up to which all is settled. `first`: the
  // sequence of the first message behind it; nullopt when there was none yet.
  void restart(std::uint64_t mark, std::optional<std::uint64_t> first);

  // False: not the next delivery of this consumer. It tells nothing, and must be ignored.
  bool receive(const Delivery& delivery);
  // Whether a delivery was missing since the run began, or before it could.
  bool has_gap() const { return has_gap_; }
  // Behind which event of the stream something is missing that the log has; nullopt: nothing is.
  std::optional<std::uint64_t> missing_behind() const { return missing_behind_; }

  // Its outcome is stored, and on the bus where there is one.
  void settle(std::uint64_t stream_sequence);
  // Its dead letter is on the bus.
  void give_up(std::uint64_t stream_sequence);
  // The dead letter of that event is in the log.
  void note_recorded(std::string_view key);

  // A sequence of the stream.
  std::uint64_t mark() const;

 private:
  struct Waiting {
    std::uint64_t before;  // the event of the run that comes before this one
    std::string key;
    bool given_up = false;
    bool recorded = false;
  };
  void begin();

  std::uint64_t start_ = 0;
  std::optional<std::uint64_t> first_;
  std::uint64_t next_delivery_ = 0;  // 0: the run has not begun
  bool has_gap_ = false;
  std::uint64_t last_ = 0;  // of the run
  std::optional<std::uint64_t> missing_behind_;
  std::map<std::uint64_t, Waiting> waiting_;  // bounded by the consumer's max_ack_pending, and the
                                              // dead letters that are not yet recorded
};

}  // namespace citas::workers

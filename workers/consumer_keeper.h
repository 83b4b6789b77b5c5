// ConsumerKeeper: sees to it that a durable consumer exists, and that it fits the stream and the
// store behind it.
//
// Consumers are disposable. One is deleted and made again, from the first message on, when
//   - it has acknowledged more than the store behind it has processed (the store is younger), or
//   - it has acknowledged more than the stream holds (the stream is younger).
// It looks after every connect and every few seconds, since whoever finds that the streams do not
// fit the log deletes them with all their consumers. One store must have one consumer to itself.
#pragma once

#include <optional>

#include "events/base/clock.h"
#include "workers/bus.h"
#include "workers/counters.h"

namespace citas::workers {

class ConsumerKeeper {
 public:
  // Borrows all but the spec.
  ConsumerKeeper(Bus& bus, MessageSource& source, const Clock& clock, ConsumerSpec spec,
                 ConsumerCounters& counters)
      : bus_(bus), source_(source), clock_(clock), spec_(std::move(spec)), counters_(counters) {}

  // Whether it is time to keep() again.
  bool due() const;
  // `processed`: the stream sequence up to which a store has seen the messages; nullopt when
  // nothing is stored behind this consumer. If the bus refuses, it is soon due again.
  void keep(std::optional<std::uint64_t> processed);
  // Deletes the consumer, so that everything is delivered again; keep() makes it again.
  Status start_over();
  // Whether the last look found the consumer in place, or put it there.
  bool in_place() const { return in_place_; }
  // Why it is not; empty when it is. Any thread.
  std::string trouble() const { return trouble_.text(); }

 private:
  Status make_fit(std::optional<std::uint64_t> processed);
  Result<bool> misses(std::uint64_t processed, std::uint64_t floor);

  Bus& bus_;
  MessageSource& source_;
  const Clock& clock_;
  const ConsumerSpec spec_;
  ConsumerCounters& counters_;
  std::optional<Clock::Monotonic> last_look_;
  std::uint64_t connection_ = 0;
  bool in_place_ = false;
  Trouble trouble_;
};

}  // namespace citas::workers

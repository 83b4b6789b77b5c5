// ConsumerKeeper: sees to it that a durable consumer exists, and that it delivers everything that
// is not yet settled.
//
// Consumers are disposable and hold no truth. One is deleted and made again
//   - when its process starts: what a crashed predecessor had not acknowledged comes at once;
//   - when the streams were made anew, which takes their consumers along;
//   - when it has delivered more than the stream holds (the stream is younger);
//   - when its owner distrusts it: deliveries are missing, or the store behind was emptied;
//   - where a store is behind it, after every reconnect: the bus may have lost something.
// It then begins behind what is settled. Where nothing is stored behind it, what was acknowledged
// before counts as settled, as far as the stream goes: whoever owns such a consumer has another way
// to learn what it missed.
//
// It looks after every connect and every few seconds, since whoever finds that the streams do not
// fit the log deletes them with all their consumers. A consumer has one keeper at a time.
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
  // `settled`: the stream sequence up to which everything is settled; nullopt when nothing is
  // stored behind this consumer. True when the consumer was made again: what was received from it
  // before comes again, if it is not settled. If the bus refuses, it is soon due again.
  bool keep(std::optional<std::uint64_t> settled);
  // The next keep() makes the consumer again; until then it is not in place.
  void distrust();
  // Whether the last look found the consumer in place, or put it there.
  bool in_place() const { return in_place_; }
  // The sequence of the first message that the consumer had to deliver when it was last made;
  // nullopt if there was none.
  std::optional<std::uint64_t> first() const { return first_; }
  // Why it is not in place; empty when it is. Any thread.
  std::string trouble() const { return trouble_.text(); }

 private:
  // True when it was made again.
  Result<bool> make_fit(std::optional<std::uint64_t> settled);
  Result<bool> is_fit();
  Status make_again(std::uint64_t behind);
  // What it had acknowledged, of what the stream holds.
  Result<std::uint64_t> acknowledged();

  Bus& bus_;
  MessageSource& source_;
  const Clock& clock_;
  const ConsumerSpec spec_;
  ConsumerCounters& counters_;
  std::optional<Clock::Monotonic> last_look_;
  std::uint64_t connection_ = 0;  // connection_count() at the last look
  bool was_made_ = false;         // by this keeper
  bool in_place_ = false;
  std::optional<std::uint64_t> first_;
  Trouble trouble_;
};

}  // namespace citas::workers

#include "workers/settled_events.h"

#include <algorithm>
#include <utility>

namespace citas::workers {

void SettledEvents::restart(std::uint64_t mark, std::optional<std::uint64_t> first) {
  start_ = mark;
  first_ = first;
  begin();
  next_delivery_ = 0;
}

void SettledEvents::begin() {
  next_delivery_ = 1;
  has_gap_ = false;
  last_ = start_;
  missing_behind_.reset();
  waiting_.clear();
}

bool SettledEvents::receive(const Delivery& delivery) {
  // One that begins further back leaves nothing out either.
  const bool leaves_nothing_out = !first_ || delivery.stream_sequence <= *first_;
  if (delivery.consumer_sequence == 1 && leaves_nothing_out) begin();
  if (next_delivery_ == 0 || delivery.consumer_sequence != next_delivery_) {
    has_gap_ = true;
    return false;
  }
  ++next_delivery_;
  if (delivery.stream_sequence > last_) {
    const bool is_complete = delivery.is_in_place && delivery.previous <= last_;
    if (!is_complete && !missing_behind_) missing_behind_ = last_;
    const std::uint64_t before = std::exchange(last_, delivery.stream_sequence);
    waiting_.emplace_hint(waiting_.end(), last_, Waiting{before, std::string(delivery.key)});
  }
  return true;
}

std::uint64_t SettledEvents::mark() const {
  const std::uint64_t mark = waiting_.empty() ? last_ : waiting_.begin()->second.before;
  return std::min(mark, missing_behind_.value_or(mark));
}

void SettledEvents::settle(std::uint64_t stream_sequence) { waiting_.erase(stream_sequence); }

void SettledEvents::give_up(std::uint64_t stream_sequence) {
  const auto found = waiting_.find(stream_sequence);
  if (found == waiting_.end()) return;
  // What has no id cannot be recognized in the log.
  if (found->second.recorded || found->second.key.empty()) {
    waiting_.erase(found);
  } else {
    found->second.given_up = true;
  }
}

void SettledEvents::note_recorded(std::string_view key) {
  for (auto entry = waiting_.begin(); entry != waiting_.end(); ++entry) {
    if (entry->second.key != key) continue;
    entry->second.recorded = true;
    if (entry->second.given_up) waiting_.erase(entry);
    return;
  }
}

}  // namespace citas::workers

// Clock and IdSource: the only ways by which time and randomness enter the logic.
//
// Logic takes them by reference (borrowed) and never reads a global clock, so that a test or a
// simulation decides what happens when.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "events/base/time.h"
#include "events/base/uuid.h"

namespace citas {

// Thread-safe.
class Clock {
 public:
  using Monotonic = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  // Wall time; may jump either way. For what is recorded.
  virtual Timestamp now() const = 0;
  // Never goes back. For durations and deadlines.
  virtual Monotonic monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  Monotonic monotonic() const override;
};

// Stands still until told otherwise.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start) : now_ms_(start.time_since_epoch().count()) {}

  Timestamp now() const override { return Timestamp{std::chrono::milliseconds{now_ms_.load()}}; }
  Monotonic monotonic() const override {
    return Monotonic{std::chrono::milliseconds{monotonic_ms_.load()}};
  }
  void advance(std::chrono::milliseconds by) {
    now_ms_ += by.count();
    monotonic_ms_ += by.count();
  }
  // Moves wall time only, as an operator or NTP would.
  void set_wall_time(Timestamp time) { now_ms_ = time.time_since_epoch().count(); }

 private:
  std::atomic<std::int64_t> now_ms_;
  std::atomic<std::int64_t> monotonic_ms_{0};
};

// Makes UUIDv7 ids. Thread-safe.
class IdSource {
 public:
  virtual ~IdSource() = default;
  virtual Uuid next() = 0;
};

// Ids from the clock and the system's random source. Each sorts behind those made before it, within
// a millisecond by a counter (RFC 9562, section 6.2, method 1), also while the clock goes back.
class RandomIdSource final : public IdSource {
 public:
  explicit RandomIdSource(const Clock& clock) : clock_(clock) {}
  Uuid next() override;

 private:
  // The milliseconds and the 12-bit counter of the next id, as one number.
  std::uint64_t next_tick(std::uint64_t random_start);

  const Clock& clock_;
  std::atomic<std::uint64_t> last_tick_{0};
};

// The same ids in every run that starts with the same seed.
class SeededIdSource final : public IdSource {
 public:
  SeededIdSource(const Clock& clock, std::uint64_t seed) : clock_(clock), state_(seed) {}
  Uuid next() override;

 private:
  const Clock& clock_;
  std::atomic<std::uint64_t> state_;
};

}  // namespace citas

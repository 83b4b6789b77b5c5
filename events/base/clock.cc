#include "events/base/clock.h"

#include <openssl/rand.h>

#include <cstring>

#include "events/base/check.h"

namespace citas {
namespace {

std::uint64_t unix_ms(Timestamp time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

constexpr int kCounterBits = 12;

// SplitMix64 (Steele, Lea, Flood 2014): well mixed from any counter.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

// Random bytes are drawn a page at a time: a call into the generator costs more than an id.
class RandomPool {
 public:
  void take(std::array<unsigned char, 10>& out) {
    if (used_ + out.size() > sizeof pool_) {
      CHECK(RAND_bytes(pool_, sizeof pool_) == 1);
      used_ = 0;
    }
    std::memcpy(out.data(), pool_ + used_, out.size());
    used_ += out.size();
  }

 private:
  unsigned char pool_[2000];
  std::size_t used_ = sizeof pool_;
};

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Clock::Monotonic SystemClock::monotonic() const { return std::chrono::steady_clock::now(); }

std::uint64_t RandomIdSource::next_tick(std::uint64_t random_start) {
  const std::uint64_t now = unix_ms(clock_.now()) << kCounterBits | random_start;
  std::uint64_t last = last_tick_.load(std::memory_order_relaxed);
  std::uint64_t tick = 0;
  do {
    // Within the millisecond of the last id, or before it, count on; a full counter runs over into
    // the next millisecond.
    const bool is_later = now >> kCounterBits > last >> kCounterBits;
    tick = is_later ? now : last + 1;
  } while (!last_tick_.compare_exchange_weak(last, tick, std::memory_order_relaxed));
  return tick;
}

Uuid RandomIdSource::next() {
  thread_local RandomPool pool;
  std::array<unsigned char, 10> random;
  pool.take(random);
  // Started in its lower half, so that there is room to count.
  const std::uint64_t tick =
      next_tick(static_cast<std::uint64_t>(random[0] & 0x07) << 8 | random[1]);
  random[0] = static_cast<unsigned char>(tick >> 8 & 0x0f);
  random[1] = static_cast<unsigned char>(tick);
  return make_uuid_v7(tick >> kCounterBits, random);
}

Uuid SeededIdSource::next() {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;
  const std::uint64_t seed = state_.fetch_add(2 * kStep);
  const std::uint64_t words[2] = {mix(seed + kStep), mix(seed + 2 * kStep)};
  std::array<unsigned char, 10> random;
  std::memcpy(random.data(), words, random.size());
  return make_uuid_v7(unix_ms(clock_.now()), random);
}

}  // namespace citas

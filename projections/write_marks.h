// WriteMarks: when a key was last written, roughly, without keeping keys.
//
// Each key has one of a fixed number of places, which it shares with others; the place holds the
// number of the last write to any of them. So a key may seem to have been written when it was not,
// never the other way round.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace citas::projections {

// One thread writes, any thread reads. Marks are released and acquired: who sees what was done
// after a write sees its mark, too.
class WriteMarks {
 public:
  WriteMarks() : places_(std::make_unique<std::atomic<std::uint64_t>[]>(kPlaces)) {}

  // `number` does not fall from one write to the next. It is more than 0.
  void write(std::string_view key, std::uint64_t number) {
    place_of(key).store(number, std::memory_order_release);
  }

  // At least the number of the last write to `key`; 0 when there was none.
  std::uint64_t last_write(std::string_view key) const {
    return place_of(key).load(std::memory_order_acquire);
  }

 private:
  // 512 KiB. At 15,000 keys written a second, a key that rests seems written every four seconds.
  static constexpr std::size_t kPlaces = std::size_t{1} << 16;

  std::atomic<std::uint64_t>& place_of(std::string_view key) const {
    return places_[std::hash<std::string_view>{}(key) % kPlaces];
  }

  const std::unique_ptr<std::atomic<std::uint64_t>[]> places_;
};

}  // namespace citas::projections

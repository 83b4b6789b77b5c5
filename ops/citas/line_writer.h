// LineWriter: text for a reader who may have stopped reading.
//
// A pipe that nobody empties, or a terminal that was stopped, takes no more: whoever writes to it
// waits for ever. That is right while the program runs, on a thread that has nothing else to do,
// and wrong once it is to end: a server that cannot say that it stops would never be started again.
#pragma once

#include <atomic>
#include <chrono>
#include <string_view>

namespace citas::ops {

// write() by one thread at a time; hurry() on any.
class LineWriter {
 public:
  // The descriptor stays the caller's.
  explicit LineWriter(int descriptor) : descriptor_(descriptor) {}

  // Returns when the reader has room for all of it, or will never read, or was waited for until the
  // deadline that hurry() has set: then the rest is dropped.
  void write(std::string_view text);

  // From now on, what is left to write has so much time, all together.
  void hurry(std::chrono::milliseconds patience);

 private:
  bool wait_for_room() const;

  const int descriptor_;
  std::atomic<std::chrono::steady_clock::time_point> deadline_{
      std::chrono::steady_clock::time_point::max()};
};

}  // namespace citas::ops

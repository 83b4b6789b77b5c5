// HeadMarker: remembers, apart from RocksDB, how far the log had come.
//
// RocksDB's recovery drops everything behind a damaged record and reports success. The marker is
// what notices: a log that ends before it has lost acknowledged events.
//
// The file holds two slots, written in turn, so that a torn write leaves the other one whole:
//
//   offset  size  field                      slots at 0 and 4096; integers: big-endian
//        0     8  "citasHM1"
//        8    16  log id
//       24     4  epoch
//       28     8  position
//       36    32  hash of the chain at position
//       68    32  SHA-256 of the 68 bytes before
//
// write() survives kill -9 when it returns; sync() makes it survive power loss. One writer.
#pragma once

#include <filesystem>
#include <string_view>

#include "events/base/result.h"
#include "events/event_log.h"

namespace citas {

struct MarkedHead {
  LogId log;
  Head head;
};

class HeadMarker {
 public:
  // Creates the file with `first` in it, durably. FailedPrecondition: it exists.
  static Result<HeadMarker> create(const std::filesystem::path& path, const MarkedHead& first);
  // Opens for writing. NotFound; Corruption: neither slot is readable.
  static Result<HeadMarker> open(const std::filesystem::path& path);
  // Only reads.
  static Result<MarkedHead> read(const std::filesystem::path& path);

  HeadMarker(HeadMarker&& other) noexcept;
  HeadMarker& operator=(HeadMarker&&) = delete;
  ~HeadMarker();

  const MarkedHead& last() const { return last_; }
  Status write(const Head& head);
  Status sync();

 private:
  HeadMarker(int descriptor, MarkedHead last, int next_slot)
      : descriptor_(descriptor), last_(last), next_slot_(next_slot) {}

  int descriptor_;
  MarkedHead last_;
  int next_slot_;
};

}  // namespace citas

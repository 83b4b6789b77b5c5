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

#include <rocksdb/file_system.h>

#include <filesystem>
#include <memory>
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
  using Disk = std::shared_ptr<rocksdb::FileSystem>;

  // Creates the file with `first` in it, and syncs it; its folder is the caller's to sync.
  // FailedPrecondition: it exists.
  static Result<HeadMarker> create(const std::filesystem::path& path, const MarkedHead& first,
                                   const Disk& disk = rocksdb::FileSystem::Default());
  // Opens for writing. NotFound; Corruption: neither slot is readable.
  static Result<HeadMarker> open(const std::filesystem::path& path,
                                 const Disk& disk = rocksdb::FileSystem::Default());
  // Only reads.
  static Result<MarkedHead> read(const std::filesystem::path& path,
                                 const Disk& disk = rocksdb::FileSystem::Default());

  const MarkedHead& last() const { return last_; }
  Status write(const Head& head);
  Status sync();

 private:
  HeadMarker(std::unique_ptr<rocksdb::FSRandomRWFile> file, MarkedHead last,
             std::uint64_t next_slot)
      : file_(std::move(file)), last_(last), next_slot_(next_slot) {}

  std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  MarkedHead last_;
  std::uint64_t next_slot_;
};

}  // namespace citas

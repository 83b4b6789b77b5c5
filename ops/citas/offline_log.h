// OfflineLog: a log on disk, read by a command: while no server has it open, or, in mode kFollow,
// beside one.
#pragma once

#include <filesystem>
#include <memory>

#include "events/base/clock.h"
#include "events/codec.h"
#include "events/rocksdb/rocksdb_event_log.h"

namespace citas::ops {

class OfflineLog {
 public:
  // `data` is a server's data folder, or a copy of one. Errors as RocksDbEventLog::open().
  static Result<std::unique_ptr<OfflineLog>> open(const std::filesystem::path& data,
                                                  RocksDbEventLog::Mode mode) {
    std::unique_ptr<OfflineLog> offline(new OfflineLog);
    auto log = RocksDbEventLog::open(data / "log", offline->codec_, offline->ids_, mode);
    if (!log) return failure(log.error());
    offline->log_ = *std::move(log);
    return offline;
  }

  const RocksDbEventLog& log() const { return *log_; }
  const Codec& codec() const { return codec_; }
  const Clock& clock() const { return clock_; }

 private:
  OfflineLog() = default;

  SystemClock clock_;
  RandomIdSource ids_{clock_};
  Codec codec_;
  std::unique_ptr<RocksDbEventLog> log_;
};

}  // namespace citas::ops

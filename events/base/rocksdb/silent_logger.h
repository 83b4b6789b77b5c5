// SilentLogger: where the databases of every adapter send RocksDB's own log, which is nowhere.
//
// In Debian's build, which keeps its assertions, a line that RocksDB cannot add to its own log file
// (a full disk) ends the process at the next one. What matters is returned as an error anyway.
//
// For folders named rocksdb alone. Thread-safe.
#pragma once

#include <rocksdb/env.h>

namespace citas {

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace citas

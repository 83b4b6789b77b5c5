// What whoever uses a log has to be told when an operation of its disk has failed.
#pragma once

#include <string>

#include "events/base/result.h"
#include "tests/torture/disk/report.h"
#include "tests/torture/disk/simulated_disk.h"

namespace citas::torture {

// It names the file, or what failed of it, and says where to go on. Throws Defect.
inline void check_message(const Error& error, Operation kind, const std::string& subject) {
  const auto says = [&](const std::string& words) {
    return error.message.find(words) != std::string::npos;
  };
  // A read that fails while RocksDB recovers is to RocksDB the end of its log: what then lacks is
  // named.
  const bool lacks = kind == Operation::kRead && error.code == ErrorCode::kCorruption;
  const bool named = lacks || says(subject) || says("a file could not be opened at first");
  if (!named) throw Defect("the message does not name " + subject + ": " + error.message);
  if (!says("ops/runbooks/")) throw Defect("the message says no next step: " + error.message);
}

}  // namespace citas::torture

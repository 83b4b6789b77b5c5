// What is stored with a command that had an idempotency key: at most kMaxCommandResultSize bytes.
//
//   offset  size  field
//        0     1  format version, 1
//        1     8  position of the event that answers the command, big-endian
//        9    16  fingerprint: HMAC-SHA256(log's key, canonical command), first 16 bytes
//
// The fingerprint is keyed, so that the store alone does not allow guessing what was asked.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/ids.h"

namespace citas::commands {

using Fingerprint = std::array<unsigned char, 16>;

// Keyed once: looking up the algorithm and taking the key in costs ten times as much as a command.
// For one thread at a time.
class Fingerprinter {
 public:
  explicit Fingerprinter(std::string_view log_key);
  ~Fingerprinter();
  Fingerprinter(const Fingerprinter&) = delete;
  Fingerprinter& operator=(const Fingerprinter&) = delete;

  Fingerprint operator()(std::string_view canonical_command);

 private:
  struct Mac;

  const std::unique_ptr<Mac> mac_;
};

struct StoredOutcome {
  Position position;
  Fingerprint fingerprint;
};

std::string encode_outcome(const StoredOutcome& outcome);
// Corruption: not what encode_outcome() wrote.
Result<StoredOutcome> decode_outcome(std::string_view bytes);

}  // namespace citas::commands

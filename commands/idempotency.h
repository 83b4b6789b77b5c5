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
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/ids.h"

namespace citas::commands {

using Fingerprint = std::array<unsigned char, 16>;

Fingerprint fingerprint(std::string_view log_key, std::string_view canonical_command);

struct StoredOutcome {
  Position position;
  Fingerprint fingerprint;
};

std::string encode_outcome(const StoredOutcome& outcome);
// Corruption: not what encode_outcome() wrote.
Result<StoredOutcome> decode_outcome(std::string_view bytes);

}  // namespace citas::commands

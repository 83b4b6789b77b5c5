// Checkpoint: up to where, and of which log, a read model has been built. Stored in the same atomic
// write as the changes it covers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/event_log.h"
#include "projections/content_digest.h"

namespace citas::projections {

// What determines a read model's content besides the events. Another one means another content.
struct ModelVersion {
  std::string name;                  // of the projection
  std::uint32_t version = 0;         // of its apply() and its keys and values
  std::uint64_t codec_revision = 0;  // Codec::revision()
  friend bool operator==(const ModelVersion&, const ModelVersion&) = default;
};

struct Checkpoint {
  ModelVersion model;
  LogId log;
  Head head = {};  // of the prefix that has been applied
  ContentDigest digest;
  std::uint64_t entries = 0;  // keys stored, the checkpoint not counted

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// The checkpoint of an empty read model: nothing of `log` applied.
Checkpoint initial_checkpoint(const EventLog& log, ModelVersion model);

std::string encode(const Checkpoint& checkpoint);
// Corruption: these are not the bytes of a checkpoint.
Result<Checkpoint> decode_checkpoint(std::string_view bytes);

// Whether a read model may go on from its checkpoint. FailedPrecondition, with the reason: built by
// another version, from another log, from a part of the log that is gone, or from a log that
// differs. Other errors: the log could not be read.
Status verify(const Checkpoint& checkpoint, const EventLog& log, const ModelVersion& model);

}  // namespace citas::projections

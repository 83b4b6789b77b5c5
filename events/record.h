// Records: how an event lies in the log. The only place that knows the byte layout.
//
//   offset  size  field                                                       integers: big-endian
//        0     1  format version, kRecordFormat
//        1     1  hash algorithm, kHashSha256
//        2     4  epoch
//        6     8  running maximum of event time, milliseconds since 1970, two's complement
//       14    32  hash = SHA-256(previous record's hash ‖ event bytes)
//       46     …  the event's bytes, to the end
//
// The hash of position 0 is the log's genesis (log_identity.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/event_log.h"

namespace citas {

inline constexpr std::uint8_t kRecordFormat = 1;
inline constexpr std::uint8_t kHashSha256 = 1;
inline constexpr std::size_t kRecordHeaderSize = 46;

inline Sha256 chain(const Sha256& previous, std::string_view event_bytes) {
  return sha256({bytes_of(previous), event_bytes});
}

std::string encode_record(Epoch epoch, Timestamp running_maximum, const Sha256& hash,
                          std::string_view event_bytes);

// A view into `stored`. Corruption: too short, or of a format or algorithm unknown here.
Result<RecordView> decode_record(Position position, std::string_view stored);

// The state at the end of a log that the next record continues from.
struct ChainState {
  Head head;
  Timestamp running_maximum = Timestamp::min();
  friend bool operator==(const ChainState&, const ChainState&) = default;
};

// Where the outcome of a command is listed when the log ended at `before` until its batch.
inline Position listed_at(const CommandResult& result, Position before) {
  return std::max(result.answer, before);
}

// Moves the state on by one event and returns the record to store.
std::string extend(ChainState& state, Timestamp time, std::string_view event_bytes);

}  // namespace citas

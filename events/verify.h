// Verify: proves that a log is whole and unaltered, without trusting whoever keeps it.
//
// Walks every record: positions are gapless, each hash continues the chain from the log's genesis,
// the bytes are an event of this position, the running maximum of time is right, and every tag of
// the event finds it in the index. An auditor who wrote a head down earlier passes it as
// `expected`: the chain must still contain it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "events/record.h"

namespace citas {

struct ExpectedHead {
  Position position;
  Sha256 hash;
  // What it means when the log does not contain it.
  ErrorCode otherwise = ErrorCode::kConflict;
};

// "POSITION:HASH", the hash as 64 hexadecimal digits.
std::optional<ExpectedHead> parse_expected_head(std::string_view text);

struct VerifyOptions {
  std::vector<ExpectedHead> expected = {};
  // Whether each tag's index entry is looked up: most of the time that verifying takes.
  bool check_tags = true;
  // Told of the position reached, every few thousand events.
  std::function<void(Position done, Position total)> on_progress = {};
};

struct VerifyReport {
  std::uint64_t events = 0;
  Head head;  // computed, not read
};

// The chain of a log's events as they were exported, checked one by one: what can be proved from
// the bytes alone. verify() adds what the log stores beside them.
class ChainVerifier {
 public:
  // `codec` is borrowed.
  ChainVerifier(const LogIdentity& log, const Codec& codec, std::vector<ExpectedHead> expected);
  // Goes on from `start`.
  ChainVerifier(const ChainState& start, const Codec& codec) : codec_(codec), state_(start) {}

  // Takes the event that follows the last one, and returns it. Corruption: it does not.
  Result<Event> next(std::string_view bytes);
  // After the last event: whether the chain contained all that was expected.
  Status finish() const;

  // The epoch is the caller's to fill in: exported bytes do not carry it.
  const ChainState& state() const { return state_; }

 private:
  void note_expected();

  const Codec& codec_;
  ChainState state_;
  std::vector<ExpectedHead> missing_;  // not met so far
};

// The same for records as they are stored: what lies beside an event's bytes must be right too.
class RecordVerifier {
 public:
  // Goes on from `start`, the end of what has been verified before. `codec` is borrowed.
  RecordVerifier(const ChainState& start, const Codec& codec)
      : chain_(start, codec), epoch_(start.head.epoch) {}
  RecordVerifier(const LogIdentity& log, const Codec& codec, std::vector<ExpectedHead> expected)
      : chain_(log, codec, std::move(expected)) {}

  // Takes the record that follows the last one, and returns its event. Corruption: it does not.
  Result<Event> next(const RecordView& record);
  Status finish() const { return chain_.finish(); }
  // With the epoch of the last record.
  ChainState state() const;

 private:
  ChainVerifier chain_;
  Epoch epoch_;
};

// Corruption: the message names the first bad position. An expected head that is not in the chain
// is an error of its own kind, once all the rest has been found right.
Result<VerifyReport> verify(const EventLog& log, const Codec& codec, const VerifyOptions& options);

}  // namespace citas

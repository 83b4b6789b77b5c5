// Segment: a piece of a backup. Consecutive records of a log as they are stored, and the outcomes
// of commands that are listed with them. Says itself of which log it is and what it continues, so
// that a log can be put together from its segments alone.
//
// A file is one zstd frame with a checksum (RFC 8878). Inside, integers big-endian:
//
//   size  field
//      8  "citasBS1"
//     16  log id
//    1+n  partition
//    1+n  fingerprint key of the log
//      8  position before the first record
//      4  epoch of the record there, 0 at the start
//      8  running maximum of time there, milliseconds since 1970, two's complement
//     32  hash of the chain there
//      4  number of records
//   each: 4+n  the record as stored (record.h)
//      4  number of outcomes
//   each: 8 position where it is listed, 32 key, 1+n outcome
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "events/event_log.h"
#include "events/record.h"

namespace citas::backup {

// Uncompressed. No file holds more: a limit to what a damaged length can ask for.
inline constexpr std::size_t kMaxSegmentBytes = std::size_t{1} << 30;

// What every segment of a log repeats.
struct SegmentOrigin {
  LogIdentity log;
  std::string fingerprint_key;
  friend bool operator==(const SegmentOrigin&, const SegmentOrigin&) = default;
};

// Takes the content of one segment, in order; at most kMaxSegmentBytes of it.
class SegmentBuilder {
 public:
  SegmentBuilder(const SegmentOrigin& origin, const ChainState& before);

  void add(const RecordView& record);
  void add(const ListedResult& result);
  // What each of them adds to size_bytes().
  static std::size_t size_of(const RecordView& record);
  static std::size_t size_of(const ListedResult& result);

  // Uncompressed, so far.
  std::size_t size_bytes() const {
    return head_.size() + sizeof(record_count_) + records_.size() + sizeof(result_count_) +
           results_.size();
  }
  bool is_empty() const { return record_count_ == 0 && result_count_ == 0; }
  std::uint32_t results() const { return result_count_; }
  // The file's bytes.
  std::string finish() const;

 private:
  std::string head_;
  std::string records_;
  std::string results_;
  std::uint32_t record_count_ = 0;
  std::uint32_t result_count_ = 0;
};

// A segment's content. The views point into `content`, which it therefore keeps where it is.
struct Segment {
  SegmentOrigin origin;
  ChainState before;
  std::vector<RecordView> records;
  std::vector<ListedResult> results;
  std::unique_ptr<const std::string> content;
};

// Corruption: not what SegmentBuilder::finish() wrote. Checks the form, not the chain.
Result<Segment> read_segment(std::string_view file);

}  // namespace citas::backup

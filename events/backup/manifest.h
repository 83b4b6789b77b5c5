// Manifest: what a backup consists of. The file that makes it one: written last, removed first.
//
// "<id>/manifest.json" holds {"sha256":"<of the bytes of the backup object>","backup":{…}}, exactly
// as encode() writes it, so that no byte of it can change unnoticed.
//
//   backup    {"format":1,"id","kind":"full"|"incremental","created","log":{"id","partition"},
//              "epoch","segments":[…]}
//   segments  in order, without a gap from the log's first event: {"file","after","to" (positions),
//              "epoch","time" (running maximum, null before the first event),"hashBefore","hash",
//              "results","resultsAtEnd","sizeBytes","sha256"}
//
// A segment's file may lie in the folder of an earlier backup. Outcomes that have no room beside
// the records up to the last position they are listed at go on in segments without records, which
// count "resultsAtEnd" on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "events/backup/file_name.h"
#include "events/base/result.h"
#include "events/log_identity.h"
#include "events/record.h"

namespace citas::backup {

struct SegmentInfo {
  std::string file;
  ChainState before;
  ChainState after;
  std::uint32_t results = 0;
  // Listed at the last position, here and in the segments that this one goes on from.
  std::uint32_t results_at_end = 0;
  std::uint64_t size_bytes = 0;
  Sha256 sha256 = {};  // of the file

  friend bool operator==(const SegmentInfo&, const SegmentInfo&) = default;
};

enum class Kind {
  kFull,         // shares no segment with an earlier backup
  kIncremental,  // adds to the segments of earlier ones
};
std::string_view to_string(Kind kind);

struct Manifest {
  std::string id;  // from the time of its making; later backups sort behind earlier ones
  Kind kind = Kind::kFull;
  Timestamp created = {};
  LogIdentity log = {};
  Epoch epoch = {};                   // the log's
  std::vector<SegmentInfo> segments;  // at least one, which may be empty

  const ChainState& end() const { return segments.back().after; }
  // Whether the segment was written by this backup.
  bool owns(const SegmentInfo& segment) const { return segment.file.starts_with(id + "/"); }

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

std::string encode(const Manifest& manifest);
// Corruption: not what encode() wrote, or segments that do not continue each other.
// FailedPrecondition: written in a later format.
Result<Manifest> decode_manifest(std::string_view bytes);

}  // namespace citas::backup

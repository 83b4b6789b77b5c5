#include "events/backup/check.h"

namespace citas::backup {
namespace {

std::uint64_t events_in(const SegmentInfo& segment) {
  return segment.after.head.position.value() - segment.before.head.position.value();
}

Status check_segment(const BackupStore& store, const LogIdentity& log, const SegmentInfo& info,
                     const Codec& codec) {
  const auto segment = load_segment(store, log, info);
  if (!segment) return failure(segment.error());
  const auto end =
      visit_verified(info, *segment, codec, [](const RecordView&, const Event&) { return true; });
  if (!end) return failure(end.error());
  const bool as_listed = *end == info.after && segment->results.size() == info.results;
  if (as_listed) return {};
  return failure(ErrorCode::kCorruption,
                 "backup file " + info.file + ": it does not end where its backup says");
}

}  // namespace

Result<ChainState> visit_verified(const SegmentInfo& info, const Segment& segment,
                                  const Codec& codec, const VerifiedVisitor& visit) {
  RecordVerifier verifier(info.before, codec);
  ChainState reached = info.before;
  for (const RecordView& record : segment.records) {
    const auto event = verifier.next(record);
    if (!event) {
      return failure(event.error().code, "backup file " + info.file + ": " + event.error().message);
    }
    if (!visit(record, *event)) return reached;
    reached = verifier.state();
  }
  return reached;
}

Result<CheckReport> check(const BackupStore& store, const Codec& codec,
                          const std::vector<const Manifest*>& backups,
                          const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
  // A shared segment is known by its file; each backup must say the same of it.
  std::map<std::string, const SegmentInfo*> segments;
  std::uint64_t total = 0;
  for (const Manifest* backup : backups) {
    for (const SegmentInfo& segment : backup->segments) {
      const auto [known, is_new] = segments.emplace(segment.file, &segment);
      total += is_new ? events_in(segment) : 0;
      if (*known->second != segment) {
        return failure(ErrorCode::kCorruption, "backup " + backup->id + ": its manifest says of " +
                                                   segment.file + " what another one does not");
      }
    }
  }
  CheckReport report;
  for (const auto& [file, info] : segments) {
    const Status checked = check_segment(store, backups.front()->log, *info, codec);
    if (!checked) return failure(checked.error());
    report.segments += 1;
    report.events += events_in(*info);
    report.size_bytes += info->size_bytes;
    if (on_progress) on_progress(report.events, total);
  }
  return report;
}

}  // namespace citas::backup

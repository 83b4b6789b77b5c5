#include "events/backup/restore.h"

#include <algorithm>

#include "events/backup/check.h"

namespace citas::backup {
namespace {

constexpr std::size_t kBatch = 4'096;
// The epochs end five weeks later.
constexpr Timestamp kClockIsWrongFrom =
    std::chrono::sys_days{std::chrono::year{2106} / std::chrono::January / 1};

bool is_within(const Until& until, const RecordView& record) {
  if (const auto* position = std::get_if<Position>(&until)) return record.position <= *position;
  if (const auto* time = std::get_if<Timestamp>(&until)) return record.running_maximum <= *time;
  return true;
}

Status check_reaches(const Manifest& backup, const Until& until) {
  const Position end = backup.end().head.position;
  if (const auto* position = std::get_if<Position>(&until); position && *position > end) {
    return failure(ErrorCode::kInvalidArgument,
                   "backup " + backup.id + " ends at position " + std::to_string(end.value()) +
                       ", before " + std::to_string(position->value()) + "; take a later one");
  }
  // Its events tell of later times where the clock that dated them ran ahead.
  const Timestamp known_to = std::max(backup.created, backup.end().running_maximum);
  if (const auto* time = std::get_if<Timestamp>(&until); time && *time > known_to) {
    return failure(ErrorCode::kInvalidArgument, "backup " + backup.id + " was made at " +
                                                    format_rfc3339(backup.created) + ", before " +
                                                    format_rfc3339(*time) +
                                                    "; take a later one, or leave --until away");
  }
  return {};
}

std::string text_of(const Until& until) {
  if (const auto* position = std::get_if<Position>(&until)) {
    return "position " + std::to_string(position->value());
  }
  return format_rfc3339(std::get<Timestamp>(until));
}

// A log without events is begun on purpose, with an id of its own: it is not what somebody gets who
// is wrong about the year.
Status check_leaves_some(const BackupStore& store, const Manifest& backup, const Until& until) {
  if (std::holds_alternative<std::monostate>(until)) return {};
  const auto with_events = std::ranges::find_if(backup.segments, [](const SegmentInfo& segment) {
    return segment.after.head.position > Position{0};
  });
  if (with_events == backup.segments.end()) return {};  // then that is all there was
  const auto segment = load_segment(store, backup.log, *with_events);
  if (!segment) return failure(segment.error());
  if (segment->records.empty() || is_within(until, segment->records.front())) return {};
  return failure(ErrorCode::kInvalidArgument,
                 "backup " + backup.id + " holds nothing up to " + text_of(until) +
                     ": its first event, at position 1, is of " +
                     format_rfc3339(segment->records.front().running_maximum) +
                     "; name that or a later point");
}

// Where a restore will end, as far as the manifest tells: for a time, not behind the segment that
// holds the first event after it.
Position goal_of(const Manifest& backup, const Until& until) {
  if (const auto* position = std::get_if<Position>(&until)) return *position;
  const auto* time = std::get_if<Timestamp>(&until);
  for (const SegmentInfo& segment : backup.segments) {
    if (time != nullptr && segment.after.running_maximum > *time) {
      return segment.after.head.position;
    }
  }
  return backup.end().head.position;
}

class Restoration {
 public:
  Restoration(const BackupStore& store, const Manifest& backup, const Codec& codec,
              LogImport& target, const RestoreOptions& options)
      : store_(store),
        backup_(backup),
        codec_(codec),
        target_(target),
        options_(options),
        goal_(goal_of(backup, options.until)) {}

  Status copy(Epoch epoch);
  // Reads all that was written.
  Status prove();
  const ChainState& end() const { return end_; }

 private:
  Status copy_segment(const SegmentInfo& info, const Segment& segment);
  Status copy_results(const Segment& segment);
  Status flush();
  void tell(Position done) const {
    if (options_.on_progress) options_.on_progress(RestorePhase::kCopying, done, goal_);
  }

  const BackupStore& store_;
  const Manifest& backup_;
  const Codec& codec_;
  LogImport& target_;
  const RestoreOptions& options_;
  Position goal_;
  ChainState end_;
  Epoch epoch_;
  std::vector<ImportedRecord> batch_;
};

Status Restoration::copy(Epoch epoch) {
  epoch_ = epoch;
  for (const SegmentInfo& info : backup_.segments) {
    const auto segment = load_segment(store_, backup_.log, info);
    if (!segment) return failure(segment.error());
    if (&info == &backup_.segments.front()) {
      end_ = info.before;
      const Status begun = target_.begin(backup_.log, epoch, segment->origin.fingerprint_key);
      if (!begun) return begun;
    }
    if (const Status copied = copy_segment(info, *segment); !copied) return copied;
    if (const Status copied = copy_results(*segment); !copied) return copied;
    if (end_ != info.after) return {};  // it ends within this segment
  }
  return {};
}

Status Restoration::copy_segment(const SegmentInfo& info, const Segment& segment) {
  bool wanted = true;
  Status flushed;
  auto end =
      visit_verified(info, segment, codec_, [&](const RecordView& record, const Event& event) {
        wanted = is_within(options_.until, record);
        if (!wanted) return false;
        batch_.push_back({record, event.tenant, tags_of(event.data)});
        if (batch_.size() < kBatch) return true;
        flushed = flush();
        tell(record.position);
        return flushed.has_value();
      });
  if (!end) return failure(end.error());
  if (!flushed) return flushed;
  end_ = *end;
  if (wanted && end_ != info.after) {
    return failure(ErrorCode::kCorruption,
                   "backup file " + info.file + ": it does not end where its backup says");
  }
  if (!wanted) goal_ = end_.head.position;
  if (const Status rest = flush(); !rest) return rest;
  tell(end_.head.position);
  return {};
}

Status Restoration::flush() {
  const Status added = target_.add(std::span<const ImportedRecord>(batch_));
  batch_.clear();
  return added;
}

Status Restoration::copy_results(const Segment& segment) {
  std::vector<ListedResult> results;
  std::ranges::copy_if(
      segment.results, std::back_inserter(results),
      [&](const ListedResult& result) { return result.position <= end_.head.position; });
  return target_.add(std::span<const ListedResult>(results));
}

Status Restoration::prove() {
  Head head = end_.head;
  head.epoch = epoch_;
  const auto log = target_.finish(head, codec_);
  if (!log) return failure(log.error());
  VerifyOptions verifying;
  verifying.expected.push_back({head.position, head.hash, ErrorCode::kCorruption});
  verifying.on_progress = [&](Position done, Position total) {
    if (options_.on_progress) options_.on_progress(RestorePhase::kVerifying, done, total);
  };
  const auto report = verify(**log, codec_, verifying);
  if (!report) return failure(report.error());
  if (report->head.position == head.position) return {};
  return failure(ErrorCode::kCorruption, "the restored log does not end where it should");
}

}  // namespace

Result<Epoch> next_epoch(Epoch last, Timestamp now) {
  if (now >= kClockIsWrongFrom) {
    return failure(
        ErrorCode::kFailedPrecondition,
        "this machine's clock says " + format_rfc3339(now) +
            ", by which nothing can be restored; set it right, and give the command again");
  }
  if (last.value() == UINT32_MAX) {
    return failure(
        ErrorCode::kFailedPrecondition,
        "this backup is of a log that was once restored by a clock far ahead, and no epoch "
        "comes after its own; take a backup from before that restore");
  }
  const auto second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto from_clock =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(second, 0, UINT32_MAX));
  return Epoch{std::max(last.value() + 1, from_clock)};
}

Result<Restored> restore(const BackupStore& store, const Manifest& backup, const Codec& codec,
                         LogImport& target, Timestamp now, const RestoreOptions& options) {
  if (const Status reaches = check_reaches(backup, options.until); !reaches) {
    return failure(reaches.error());
  }
  if (const Status some = check_leaves_some(store, backup, options.until); !some) {
    return failure(some.error());
  }
  const auto epoch = next_epoch(backup.epoch, now);
  if (!epoch) return failure(epoch.error());
  Restoration restoration(store, backup, codec, target, options);
  if (const Status copied = restoration.copy(*epoch); !copied) return failure(copied.error());
  if (const Status proved = restoration.prove(); !proved) return failure(proved.error());
  if (const Status published = target.publish(); !published) return failure(published.error());
  return Restored{restoration.end(), *epoch};
}

}  // namespace citas::backup

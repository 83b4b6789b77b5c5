#include "events/backup/create.h"

#include <algorithm>
#include <map>

#include "events/backup/catalog.h"
#include "events/backup/segment.h"
#include "events/verify.h"

namespace citas::backup {
namespace {

constexpr std::size_t kPage = 1'024;

Position after(Position position) { return Position{position.value() + 1}; }

// A clock that went back must not make a new backup look older than its predecessor.
std::string next_id(const Catalog& catalog, Timestamp now) {
  for (const auto& [file, size] : catalog.files) {
    const auto taken = time_of_id(file.substr(0, file.find('/')));
    if (taken) now = std::max(now, *taken + std::chrono::milliseconds{1});
  }
  return id_at(now);
}

class Creation {
 public:
  Creation(const EventLog& log, const Codec& codec, BackupStore& store,
           const CreateOptions& options, std::string id)
      : log_(log),
        codec_(codec),
        store_(store),
        options_(options),
        origin_{log.identity(), std::string(log.fingerprint_key())},
        end_(log.committed()) {
    backup_.id = std::move(id);
    backup_.log = log.identity();
    backup_.epoch = log.epoch();
  }

  // The segments of earlier backups that are a prefix of this log.
  Status reuse(const Catalog& catalog);
  Status copy();
  Result<Manifest> finish(Timestamp now);

 private:
  ChainState reached() const {
    if (!backup_.segments.empty()) return backup_.end();
    return {{Epoch{0}, Position{0}, log_.identity().genesis()}, Timestamp::min()};
  }
  // How many of these segments, from the first, hold what the log holds.
  Result<std::size_t> common(const Catalog& catalog, const Manifest& earlier) const;
  Result<bool> contains(const Head& head) const;
  // Whether nothing has been listed at the end since the last segment was written.
  Result<bool> is_up_to_date() const;
  Status copy_segment();
  Result<std::map<Position, std::size_t>> sizes_of_results(Position first, Position last) const;
  Result<bool> read_page(SegmentBuilder& builder, RecordVerifier& verifier,
                         std::size_t& listed_bytes);
  Status write_out(SegmentBuilder builder, const ChainState& end);
  Status write_segment(const SegmentBuilder& builder, const ChainState& end,
                       std::uint32_t results_at_end);
  void tell(Position position, std::size_t bytes) const {
    if (!options_.on_copied) return;
    options_.on_copied({position.value() - start_.value(), end_.value() - start_.value(), bytes});
  }

  const EventLog& log_;
  const Codec& codec_;
  BackupStore& store_;
  const CreateOptions& options_;
  const SegmentOrigin origin_;
  const Position end_;
  Position start_;        // of what this run copies
  Position next_listed_;  // whose outcomes come next; those at start_ may have grown in number
  Manifest backup_;
};

Result<bool> Creation::contains(const Head& head) const {
  if (head.position == Position{0}) return head.hash == log_.identity().genesis();
  if (head.position > end_) return false;
  const auto record = read_one(log_, head.position);
  if (!record) return failure(record.error());
  return record->hash == head.hash;
}

Result<std::size_t> Creation::common(const Catalog& catalog, const Manifest& earlier) const {
  if (!catalog.first_missing(earlier).empty()) return std::size_t{0};
  for (std::size_t count = earlier.segments.size(); count > 0; --count) {
    // The hash of a chain covers everything before.
    const auto contained = contains(earlier.segments[count - 1].after.head);
    if (!contained) return failure(contained.error());
    if (*contained) return count;
  }
  return std::size_t{0};
}

Status Creation::reuse(const Catalog& catalog) {
  const Manifest* best = nullptr;
  std::size_t best_count = 0;
  const auto reach = [&] {
    return best == nullptr ? Position{0} : best->segments[best_count - 1].after.head.position;
  };
  for (auto at = catalog.backups.rbegin(); at != catalog.backups.rend(); ++at) {
    const auto count = common(catalog, *at);
    if (!count) return failure(count.error());
    if (*count == 0) continue;
    if (best == nullptr || at->segments[*count - 1].after.head.position > reach()) {
      best = &*at;
      best_count = *count;
    }
  }
  if (best == nullptr) return {};
  backup_.kind = Kind::kIncremental;
  backup_.segments.assign(best->segments.begin(),
                          best->segments.begin() + static_cast<std::ptrdiff_t>(best_count));
  return {};
}

Result<bool> Creation::is_up_to_date() const {
  if (backup_.segments.empty() || reached().head.position < end_) return false;
  std::uint32_t listed = 0;
  const Status read = log_.read_results(end_, end_, [&](const ListedResult&) {
    ++listed;
    return true;
  });
  if (!read) return failure(read.error());
  return listed == backup_.segments.back().results_at_end;
}

Status Creation::copy() {
  start_ = reached().head.position;
  next_listed_ = start_;
  const auto up_to_date = is_up_to_date();
  if (!up_to_date) return failure(up_to_date.error());
  if (*up_to_date) return {};
  do {
    if (const Status copied = copy_segment(); !copied) return copied;
  } while (reached().head.position < end_);
  return {};
}

// As many records as there is room for together with the outcomes that are listed with them.
Status Creation::copy_segment() {
  SegmentBuilder builder(origin_, reached());
  RecordVerifier verifier(reached(), codec_);
  const auto earlier = sizes_of_results(next_listed_, reached().head.position);
  if (!earlier) return failure(earlier.error());
  std::size_t listed_bytes = earlier->empty() ? 0 : earlier->begin()->second;
  bool is_full = false;
  while (verifier.state().head.position < end_ && !is_full) {
    const auto has_room = read_page(builder, verifier, listed_bytes);
    if (!has_room) return failure(has_room.error());
    is_full = !*has_room;
  }
  return write_out(std::move(builder), verifier.state());
}

// What the outcomes at each position take; once they fill a segment, those behind are left out.
Result<std::map<Position, std::size_t>> Creation::sizes_of_results(Position first,
                                                                   Position last) const {
  std::map<Position, std::size_t> sizes;
  std::size_t total = 0;
  const Status read = log_.read_results(first, last, [&](const ListedResult& result) {
    sizes[result.position] += SegmentBuilder::size_of(result);
    total += SegmentBuilder::size_of(result);
    return total < options_.segment_bytes;
  });
  if (!read) return failure(read.error());
  return sizes;
}

// Whether there was room for all of it. Adds up in `listed_bytes` what the outcomes will take.
Result<bool> Creation::read_page(SegmentBuilder& builder, RecordVerifier& verifier,
                                 std::size_t& listed_bytes) {
  const Position before = verifier.state().head.position;
  const std::size_t limit = std::min<std::uint64_t>(kPage, end_.value() - before.value());
  auto sizes = sizes_of_results(after(before), Position{before.value() + limit});
  if (!sizes) return failure(sizes.error());
  std::size_t bytes = 0;
  bool has_room = true;
  Status verified;
  const Status read = log_.read(before, limit, [&](const RecordView& record) {
    const std::size_t outcomes = (*sizes)[record.position];
    const std::size_t size =
        builder.size_bytes() + listed_bytes + SegmentBuilder::size_of(record) + outcomes;
    const bool is_first = builder.is_empty() && listed_bytes == 0;
    has_room = is_first || size <= options_.segment_bytes;
    if (!has_room) return false;
    const auto event = verifier.next(record);
    if (!event) verified = failure(event.error());
    if (!event) return false;
    builder.add(record);
    listed_bytes += outcomes;
    bytes += record.bytes.size();
    return true;
  });
  if (!read) return failure(read.error());
  if (!verified) return failure(verified.error());
  const Position copied = verifier.state().head.position;
  if (has_room && copied == before) {
    return failure(ErrorCode::kCorruption,
                   "position " + std::to_string(before.value() + 1) + " is missing");
  }
  tell(copied, bytes);
  return has_room;
}

// Writes the segment with the outcomes listed up to its end. Those at its last position, of which
// there is no limit, go on in segments without records; all others have been given room.
Status Creation::write_out(SegmentBuilder builder, const ChainState& end) {
  const Position last = end.head.position;
  std::uint32_t at_end = 0;
  Status written;
  const Status read = log_.read_results(next_listed_, last, [&](const ListedResult& result) {
    const std::size_t size = builder.size_bytes() + SegmentBuilder::size_of(result);
    if (result.position == last && size > options_.segment_bytes && !builder.is_empty()) {
      written = write_segment(builder, end, at_end);
      builder = SegmentBuilder(origin_, end);
      tell(last, size);
    }
    builder.add(result);
    at_end += result.position == last ? 1 : 0;
    return written.has_value();
  });
  if (!read) return read;
  if (!written) return written;
  next_listed_ = after(last);
  return write_segment(builder, end, at_end);
}

Status Creation::write_segment(const SegmentBuilder& builder, const ChainState& end,
                               std::uint32_t results_at_end) {
  const std::string file = builder.finish();
  SegmentInfo info;
  info.file = segment_file(backup_.id, backup_.segments.size() + 1);
  info.before = reached();
  info.after = end;
  info.results = builder.results();
  info.results_at_end = results_at_end;
  info.size_bytes = file.size();
  info.sha256 = sha256({file});
  backup_.segments.push_back(info);
  return store_.write(info.file, file);
}

Result<Manifest> Creation::finish(Timestamp now) {
  backup_.created = now;
  const Status written = store_.write(manifest_file(backup_.id), encode(backup_));
  if (!written) return failure(written.error());
  return backup_;
}

bool full_is_due(const Catalog& catalog, const LogIdentity& log, Timestamp now,
                 const CreateOptions& options) {
  if (options.full || !options.full_if_older_than) return options.full;
  const Manifest* last = catalog.newest_whole(log, Kind::kFull);
  return last == nullptr || now - last->created >= *options.full_if_older_than;
}

Result<Manifest> write_backup(const EventLog& log, const Codec& codec, BackupStore& store,
                              const Catalog& catalog, Timestamp now, const CreateOptions& options) {
  Creation creation(log, codec, store, options, next_id(catalog, now));
  if (!full_is_due(catalog, log.identity(), now, options)) {
    if (const Status reused = creation.reuse(catalog); !reused) return failure(reused.error());
  }
  if (const Status copied = creation.copy(); !copied) return failure(copied.error());
  return creation.finish(now);
}

Status check_same_log(const Catalog& catalog, const LogIdentity& log) {
  for (const Manifest& backup : catalog.backups) {
    if (backup.log == log) continue;
    return failure(ErrorCode::kFailedPrecondition,
                   "the backups here are of log " + backup.log.id.value().to_string() +
                       ", and this is log " + log.id.value().to_string() +
                       ": use another folder for each log");
  }
  return {};
}

}  // namespace

Result<Created> create(const EventLog& log, const Codec& codec, BackupStore& store, Timestamp now,
                       const CreateOptions& options) {
  if (options.segment_bytes > kMaxSegmentBytes) {
    return failure(ErrorCode::kInvalidArgument,
                   "a backup's segments would be too large to be read");
  }
  auto catalog = read_catalog(store);
  if (!catalog) return failure(catalog.error());
  if (const Status same = check_same_log(*catalog, log.identity()); !same) {
    return failure(same.error());
  }
  auto backup = write_backup(log, codec, store, *catalog, now, options);
  if (!backup) return failure(backup.error());
  Created created{*std::move(backup), {}, {}};
  catalog = read_catalog(store);
  if (!catalog) return failure(catalog.error());
  for (const auto& damaged : catalog->damaged) created.damaged.push_back(damaged.id);
  // Whose manifest cannot be read may need any segment.
  if (!created.damaged.empty()) return created;
  created.removed = expired(catalog->backups, options.retention, now);
  for (const std::string& file : disposable_files(*catalog, created.removed)) {
    if (const Status removed = store.remove(file); !removed) return failure(removed.error());
  }
  return created;
}

}  // namespace citas::backup

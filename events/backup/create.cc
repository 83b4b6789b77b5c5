#include "events/backup/create.h"

#include <algorithm>

#include "events/backup/catalog.h"
#include "events/backup/segment.h"
#include "events/verify.h"

namespace citas::backup {
namespace {

constexpr std::size_t kPage = 1'024;

// A clock that went back must not make a new backup look older than its predecessor.
std::string next_id(const Catalog& catalog, Timestamp now) {
  std::string newest;
  for (const auto& [file, size] : catalog.files) {
    newest = std::max(newest, file.substr(0, file.find('/')));
  }
  while (id_at(now) <= newest && newest.size() == id_at(now).size()) {
    now += std::chrono::milliseconds{1};
  }
  return id_at(now);
}

class Creation {
 public:
  Creation(const EventLog& log, const Codec& codec, BackupStore& store,
           const CreateOptions& options, std::string id)
      : log_(log), codec_(codec), store_(store), options_(options), end_(log.committed()) {
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
  Status read_page(SegmentBuilder& builder, RecordVerifier& verifier);
  Result<std::uint32_t> add_results(SegmentBuilder& builder, Position last) const;

  const EventLog& log_;
  const Codec& codec_;
  BackupStore& store_;
  const CreateOptions& options_;
  const Position end_;
  Position start_;  // of what this run copies
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
  for (;;) {
    const auto up_to_date = is_up_to_date();
    if (!up_to_date) return failure(up_to_date.error());
    if (*up_to_date) return {};
    if (const Status copied = copy_segment(); !copied) return copied;
    if (reached().head.position == end_) return {};
  }
}

Status Creation::copy_segment() {
  std::string key(log_.fingerprint_key());
  SegmentBuilder builder({log_.identity(), std::move(key)}, reached());
  RecordVerifier verifier(reached(), codec_);
  bool full = false;
  while (verifier.state().head.position < end_ && !full) {
    if (const Status read = read_page(builder, verifier); !read) return read;
    full = builder.size_bytes() >= options_.segment_bytes;
  }
  SegmentInfo info;
  info.before = reached();
  info.after = verifier.state();
  const auto at_end = add_results(builder, info.after.head.position);
  if (!at_end) return failure(at_end.error());
  info.results = builder.results();
  info.results_at_end = *at_end;
  const std::string file = builder.finish();
  info.file = segment_file(backup_.id, backup_.segments.size() + 1);
  info.size_bytes = file.size();
  info.sha256 = sha256({file});
  backup_.segments.push_back(info);
  return store_.write(info.file, file);
}

Status Creation::read_page(SegmentBuilder& builder, RecordVerifier& verifier) {
  const Position before = verifier.state().head.position;
  const std::size_t limit = std::min<std::uint64_t>(kPage, end_.value() - before.value());
  std::size_t bytes = 0;
  Status verified;
  const Status read = log_.read(before, limit, [&](const RecordView& record) {
    const auto event = verifier.next(record);
    if (!event) {
      verified = failure(event.error());
      return false;
    }
    builder.add(record);
    bytes += record.bytes.size();
    return builder.size_bytes() < options_.segment_bytes;
  });
  if (!read) return read;
  if (!verified) return verified;
  const Position after = verifier.state().head.position;
  if (after == before) {
    return failure(ErrorCode::kCorruption,
                   "position " + std::to_string(before.value() + 1) + " is missing");
  }
  if (options_.on_copied) {
    options_.on_copied({after.value() - start_.value(), end_.value() - start_.value(), bytes});
  }
  return {};
}

// What is listed at the end of the segment before may have grown since.
Result<std::uint32_t> Creation::add_results(SegmentBuilder& builder, Position last) const {
  std::uint32_t at_end = 0;
  const Status read =
      log_.read_results(reached().head.position, last, [&](const ListedResult& result) {
        builder.add(result);
        at_end += result.position == last ? 1 : 0;
        return true;
      });
  if (!read) return failure(read.error());
  return at_end;
}

Result<Manifest> Creation::finish(Timestamp now) {
  backup_.created = now;
  const Status written = store_.write(manifest_file(backup_.id), encode(backup_));
  if (!written) return failure(written.error());
  return backup_;
}

Result<Manifest> write_backup(const EventLog& log, const Codec& codec, BackupStore& store,
                              const Catalog& catalog, Timestamp now, const CreateOptions& options) {
  Creation creation(log, codec, store, options, next_id(catalog, now));
  if (!options.full) {
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

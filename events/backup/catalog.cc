#include "events/backup/catalog.h"

#include <algorithm>

namespace citas::backup {

std::string Catalog::first_missing(const Manifest& backup) const {
  for (const SegmentInfo& segment : backup.segments) {
    const auto found = files.find(segment.file);
    if (found == files.end() || found->second != segment.size_bytes) return segment.file;
  }
  return {};
}

const Manifest* Catalog::newest_whole(const LogIdentity& log, std::optional<Kind> kind) const {
  const auto fits = [&](const Manifest& one) {
    return one.log == log && one.kind == kind.value_or(one.kind) && first_missing(one).empty();
  };
  const auto found = std::find_if(backups.rbegin(), backups.rend(), fits);
  return found == backups.rend() ? nullptr : &*found;
}

Result<const Manifest*> Catalog::find(std::string_view id) const {
  for (const Damaged& one : damaged) {
    const bool newest = id.empty() && (backups.empty() || one.id > backups.back().id);
    if (newest || one.id == id) {
      return failure(one.error.code, "backup " + one.id + ": " + one.error.message +
                                         "; name another one (citas backup list)");
    }
  }
  if (id.empty() && !backups.empty()) return &backups.back();
  for (const Manifest& backup : backups) {
    if (backup.id == id) return &backup;
  }
  return failure(ErrorCode::kNotFound, id.empty() ? std::string("there is no backup here")
                                                  : "there is no backup " + std::string(id) +
                                                        " here; see citas backup list");
}

Result<Catalog> read_catalog(const BackupStore& store) {
  auto files = store.list();
  if (!files) return failure(files.error());
  Catalog catalog;
  catalog.files = *std::move(files);
  for (const auto& [file, size] : catalog.files) {
    const auto id = id_of_manifest_file(file);
    if (!id) continue;
    const auto bytes = store.read(file);
    if (!bytes) return failure(bytes.error());
    auto manifest = decode_manifest(*bytes);
    if (manifest && manifest->id != *id) {
      manifest = failure(ErrorCode::kCorruption, "its manifest is that of another backup");
    }
    if (manifest) {
      catalog.backups.push_back(*std::move(manifest));
    } else {
      catalog.damaged.push_back({*id, manifest.error()});
    }
  }
  return catalog;
}

Result<Segment> load_segment(const BackupStore& store, const LogIdentity& log,
                             const SegmentInfo& info) {
  const auto damaged = [&](std::string_view what) {
    return failure(ErrorCode::kCorruption, "backup file " + info.file + ": " + std::string(what));
  };
  const auto bytes = store.read(info.file);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return damaged("it is missing");
  if (!bytes) return failure(bytes.error());
  if (bytes->size() != info.size_bytes || sha256({*bytes}) != info.sha256) {
    return damaged("its checksum is wrong");
  }
  auto segment = read_segment(*bytes);
  if (!segment) return damaged(segment.error().message);
  const Head& before = segment->before.head;
  const bool fits = segment->origin.log == log && before.position == info.before.head.position &&
                    before.hash == info.before.head.hash &&
                    segment->before.running_maximum == info.before.running_maximum;
  if (!fits) return damaged("it is of another log, or of another part of it");
  return segment;
}

}  // namespace citas::backup

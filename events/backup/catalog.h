// Catalog: the backups in a store.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "events/backup/backup_store.h"
#include "events/backup/manifest.h"
#include "events/backup/segment.h"

namespace citas::backup {

struct Catalog {
  struct Damaged {
    std::string id;
    Error error;
  };

  std::vector<Manifest> backups;  // the oldest first
  std::vector<Damaged> damaged;   // whose manifest cannot be read
  std::map<std::string, std::uint64_t, std::less<>> files;

  // The first of its files that is missing or of another size; empty when there is none. Quick: no
  // content is read.
  std::string first_missing(const Manifest& backup) const;
  // The newest backup of the log of which no file is missing or cut short; of that kind alone, if
  // one is named. Null: there is none.
  const Manifest* newest_whole(const LogIdentity& log,
                               std::optional<Kind> kind = std::nullopt) const;
  // The backup of that id, the newest one without. NotFound; Corruption: its manifest is damaged,
  // the newest one's too, since nobody should get an older one unawares.
  Result<const Manifest*> find(std::string_view id) const;
};

Result<Catalog> read_catalog(const BackupStore& store);

// Checks the file against what its backup says of it: checksum, form, log, where it begins.
Result<Segment> load_segment(const BackupStore& store, const LogIdentity& log,
                             const SegmentInfo& info);

}  // namespace citas::backup

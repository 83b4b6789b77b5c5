// Retention: which backups are kept. Pure.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "events/backup/catalog.h"

namespace citas::backup {

struct Retention {
  std::size_t full = 30;  // so many of the newest full backups are kept
  std::chrono::hours incremental = std::chrono::days{7};  // the age up to which the others are
};

// The ids of those that need not be kept at `now`. The newest one is kept in any case, and so is
// the newest full one.
std::vector<std::string> expired(const std::vector<Manifest>& backups, const Retention& retention,
                                 Timestamp now);

// The files that no backup needs: those of expired ones, and what an interrupted run left behind.
// In the order in which they can be removed: a backup's manifest before any segment.
std::vector<std::string> disposable_files(const Catalog& catalog,
                                          const std::vector<std::string>& expired_ids);

}  // namespace citas::backup

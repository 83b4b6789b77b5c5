// A log with events, a store of backups in memory, and a place to restore to.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <vector>

#include "events/backup/check.h"
#include "events/backup/memory/memory_backup_store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/events/backup/backup_kit.h"

namespace citas::backup {

inline constexpr std::size_t kSmallSegment = 2'000;  // bytes: about four events

class Backup : public ::testing::Test {
 protected:
  Manifest create_backup(CreateOptions options = {}) {
    options.segment_bytes = kSmallSegment;
    now_ += std::chrono::hours{1};
    auto created = create(log_, codec_, store_, now_, options);
    EXPECT_TRUE(created) << created.error().message;
    return created ? created->backup : Manifest{};
  }
  Catalog catalog() const {
    auto read = read_catalog(store_);
    EXPECT_TRUE(read) << read.error().message;
    return *std::move(read);
  }
  Status check_all(const BackupStore& store) const {
    const auto read = read_catalog(store);
    if (!read) return failure(read.error());
    if (!read->damaged.empty()) return failure(read->damaged.front().error);
    std::vector<const Manifest*> backups;
    for (const Manifest& one : read->backups) backups.push_back(&one);
    if (backups.empty()) return {};
    const auto report = check(store, codec_, backups, {});
    return report ? Status{} : failure(report.error());
  }
  std::filesystem::path place() const { return folder_.path() / "data" / "log"; }
  Result<Restored> restore_to_place(const Manifest& backup, const RestoreOptions& options = {}) {
    RocksDbLogImport target(place());
    return restore(store_, backup, codec_, target, now_, options);
  }
  std::unique_ptr<RocksDbEventLog> open_place(
      RocksDbEventLog::Mode mode = RocksDbEventLog::Mode::kReadOnly) {
    auto log = RocksDbEventLog::open(place(), codec_, ids_, mode);
    EXPECT_TRUE(log) << log.error().message;
    return log ? *std::move(log) : nullptr;
  }

  TempFolder folder_;
  Codec codec_;
  SystemClock clock_;
  RandomIdSource ids_{clock_};
  MemoryEventLog log_{kTestLog};
  MemoryBackupStore store_;
  Timestamp now_ = kNow + std::chrono::days{1};
};

}  // namespace citas::backup

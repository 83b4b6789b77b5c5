// A LogImport that makes the folder of a RocksDbEventLog.
//
// Until publish(), the log lies beside its place, in "<folder>.restoring", which a rename turns
// into it: a log in that place, even one made in the meantime, is never replaced. What an
// interrupted run left there is removed by the next one. It is known by a file, RESTORING, which is
// made before anything else and goes after the rename, or when the log is opened for writing:
// whatever else lies there, be it a log that somebody has moved, is refused (FailedPrecondition)
// and left as it is.
//
// Durability: once publish() has returned, power loss leaves the whole log in its place; before,
// that or none there, and the restore can be repeated.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "events/backup/log_import.h"
#include "events/base/folder.h"
#include "events/rocksdb/log_database.h"

namespace citas {

// Where a log is put together that is restored to `folder`.
std::filesystem::path unfinished_import_of(const std::filesystem::path& folder);

// In there, while it is being put together.
inline constexpr char kImportMark[] = "RESTORING";

class RocksDbLogImport final : public backup::LogImport {
 public:
  // `storage` has all files but LOCK, which is between the processes of this machine.
  explicit RocksDbLogImport(std::filesystem::path folder, const LogStorage& storage = {});
  ~RocksDbLogImport() override;

  Status begin(const LogIdentity& log, Epoch epoch, std::string_view fingerprint_key) override;
  Status add(std::span<const backup::ImportedRecord> records) override;
  Status add(std::span<const ListedResult> results) override;
  Result<std::unique_ptr<EventLog>> finish(const Head& head, const Codec& codec) override;
  Status publish() override;

 private:
  Status check_place_is_free() const;
  Status check_place_can_be_taken() const;
  Status check_only_leftovers() const;
  Status mark() const;
  Status remove_leftovers() const;

  const std::filesystem::path folder_;
  const std::filesystem::path unfinished_;
  const LogStorage storage_;
  std::optional<FolderLock> lock_;
  std::unique_ptr<LogDatabase> database_;
  LogIdentity log_;
};

}  // namespace citas

// A BackupStore in a folder: one subfolder for each backup. Anything else there stays as it is.
//
// A file is written under another name, synced, given its own name, and its folder synced. The
// folder's LOCK is held while the store is open: by one writer, or any number of readers, so that
// nothing is pruned under a restore. Files are for their owner alone (0600): a backup holds all
// that the log does, its fingerprint key included.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "events/backup/backup_store.h"
#include "events/base/folder.h"

namespace citas::backup {

class FileBackupStore final : public BackupStore {
 public:
  enum class Access {
    kRead,
    kWrite,
    kLook,  // as kRead, beside a writer, and without keeping one out: files may go meanwhile
  };

  // kWrite makes the folder, and removes what earlier writers left unfinished of backups; kRead
  // changes nothing.
  //   NotFound            not kWrite, and there is no such folder
  //   Unavailable         this user may not look into it, or the disk does not let it be made
  //   FailedPrecondition  another process is writing, or for kWrite, reading
  static Result<std::unique_ptr<FileBackupStore>> open(const std::filesystem::path& folder,
                                                       Access access);

  Result<std::map<std::string, std::uint64_t, std::less<>>> list() const override;
  Result<std::string> read(std::string_view name) const override;
  Status write(std::string_view name, std::string_view bytes) override;
  Status remove(std::string_view name) override;

 private:
  FileBackupStore(std::filesystem::path folder, FolderLock lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  const std::filesystem::path folder_;
  const FolderLock lock_;
};

}  // namespace citas::backup

// Folders that processes share and that must survive power loss.
#pragma once

#include <cstdint>
#include <filesystem>

#include "events/base/descriptor.h"
#include "events/base/result.h"

namespace citas {

// Which file a name stands for, whatever it is called. The default: nothing.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool operator==(const FileIdentity&) const = default;
};

// Keeps other processes out of a folder for as long as it lives: one writer, or any number of
// readers. FailedPrecondition: another process is in the way. Unavailable: it cannot be opened, or
// looked into, and why.
class FolderLock {
 public:
  static Result<FolderLock> for_writing(const std::filesystem::path& folder);
  // Changes nothing: a copy without a lock file, or on a read-only disk, is read without a lock.
  static Result<FolderLock> for_reading(const std::filesystem::path& folder);

  // Keeps nobody out.
  static FolderLock none() { return {Descriptor(), {}}; }

  // OK while the folder is where it was, and its lock file the one that is locked. Otherwise
  // another process may have the folder's name by now, and whatever is done by that name may be
  // done to a folder of somebody else's. FailedPrecondition: the lock file was deleted or replaced.
  // Corruption: the whole folder was, or moved. Unavailable: that cannot be told, and why. Costs
  // two system calls; any thread.
  Status check_in_place() const;

 private:
  static Result<FolderLock> take(const std::filesystem::path& folder, int flags, int operation);

  FolderLock(Descriptor lock_file, std::filesystem::path folder);

  Descriptor lock_file_;
  std::filesystem::path folder_;
  FileIdentity locked_folder_;  // when it was locked
  FileIdentity locked_file_;
};

// OK where there is no such folder. Unavailable: whether there is one, and what is in it, cannot be
// told, mostly since it is another user's: that is not the same as none.
Status check_accessible(const std::filesystem::path& folder);

// Makes the names in a folder survive power loss. Unavailable: names the folder and the reason.
Status sync_folder(const std::filesystem::path& folder);

}  // namespace citas

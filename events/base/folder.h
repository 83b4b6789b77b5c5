// Folders that processes share and that must survive power loss.
#pragma once

#include <filesystem>

#include "events/base/result.h"

namespace citas {

// Keeps other processes out of a folder for as long as it lives: one writer, or any number of
// readers. FailedPrecondition: another process is in the way. Unavailable: it cannot be opened, or
// looked into, and why.
class FolderLock {
 public:
  static Result<FolderLock> for_writing(const std::filesystem::path& folder);
  // Changes nothing: a copy without a lock file, or on a read-only disk, is read without a lock.
  static Result<FolderLock> for_reading(const std::filesystem::path& folder);

  // Keeps nobody out.
  static FolderLock none() { return FolderLock(-1); }

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  static Result<FolderLock> take(const std::filesystem::path& folder, int flags, int operation);

  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// OK where there is no such folder. Unavailable: whether there is one, and what is in it, cannot be
// told, mostly since it is another user's: that is not the same as none.
Status check_accessible(const std::filesystem::path& folder);

// Makes the names in a folder survive power loss.
Status sync_folder(const std::filesystem::path& folder);

}  // namespace citas

// FolderLock: the file LOCK of a log's folder, held for as long as the log is open: by one writer,
// or by any number of readers.
//
// Internal to this folder. Released on destruction, and by the kernel when the process dies.
#pragma once

#include <filesystem>

#include "events/base/result.h"

namespace citas {

class FolderLock {
 public:
  // FailedPrecondition: another process holds it. Unavailable: the file cannot be opened.
  static Result<FolderLock> for_writing(const std::filesystem::path& folder);
  // Changes nothing: a copy without a lock file, or on a read-only disk, is read without a lock.
  static Result<FolderLock> for_reading(const std::filesystem::path& folder);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  static Result<FolderLock> take(const std::filesystem::path& folder, int flags, int operation);

  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace citas

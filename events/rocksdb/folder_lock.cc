#include "events/rocksdb/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

namespace citas {
namespace {

namespace fs = std::filesystem;

constexpr char kFile[] = "LOCK";

}  // namespace

Result<FolderLock> FolderLock::for_writing(const fs::path& folder) {
  return take(folder, O_RDWR | O_CREAT, LOCK_EX);
}

Result<FolderLock> FolderLock::for_reading(const fs::path& folder) {
  if (!fs::exists(folder / kFile)) return FolderLock(-1);
  return take(folder, O_RDONLY, LOCK_SH);
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<FolderLock> FolderLock::take(const fs::path& folder, int flags, int operation) {
  const fs::path path = folder / kFile;
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return failure(ErrorCode::kUnavailable,
                   "event log: cannot open " + path.string() + "; check its permissions");
  }
  FolderLock lock(descriptor);
  if (::flock(descriptor, operation | LOCK_NB) != 0) {
    return failure(ErrorCode::kFailedPrecondition,
                   "event log: " + folder.string() +
                       " is in use by another process; stop that one first, or ask it with --url");
  }
  return lock;
}

}  // namespace citas

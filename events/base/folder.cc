#include "events/base/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace citas {
namespace {

constexpr char kFile[] = "LOCK";
constexpr char kAsItsUser[] = "; run this as the user whose folder it is";

std::string advice_on(int error) {
  if (error == EACCES || error == EPERM) return kAsItsUser;
  if (error == EROFS) return "; its disk is mounted read-only";
  return "";
}

Result<FileIdentity> find(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) return FileIdentity{found.st_dev, found.st_ino};
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR) return FileIdentity{};
  return failure(ErrorCode::kUnavailable, "cannot look for " + path.string() + ": " +
                                              std::strerror(error) + advice_on(error));
}

FileIdentity identity_of(int descriptor) {
  struct stat found {};
  if (descriptor < 0 || ::fstat(descriptor, &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

}  // namespace

FolderLock::FolderLock(Descriptor lock_file, std::filesystem::path folder)
    : lock_file_(std::move(lock_file)),
      folder_(std::move(folder)),
      locked_folder_(find(folder_).value_or(FileIdentity{})),
      locked_file_(identity_of(lock_file_.get())) {}

Result<FolderLock> FolderLock::for_writing(const std::filesystem::path& folder) {
  return take(folder, O_RDWR | O_CREAT, LOCK_EX);
}

Result<FolderLock> FolderLock::for_reading(const std::filesystem::path& folder) {
  if (const Status accessible = check_accessible(folder); !accessible) {
    return failure(accessible.error());
  }
  return take(folder, O_RDONLY, LOCK_SH);
}

Status FolderLock::check_in_place() const {
  if (!lock_file_) return {};
  const auto folder = find(folder_);
  if (!folder) return failure(folder.error());
  if (*folder != locked_folder_) {
    return failure(ErrorCode::kCorruption,
                   folder_.string() +
                       " was moved, replaced or deleted while it was in use; what was acknowledged "
                       "is in the folder that was there before: put that one back");
  }
  const auto file = find(folder_ / kFile);
  if (!file) return failure(file.error());
  if (*file == locked_file_) return {};
  return failure(ErrorCode::kFailedPrecondition,
                 (folder_ / kFile).string() +
                     " was deleted or replaced while it was in use: another process may have taken "
                     "the folder; see that there is none, then start again");
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, int flags, int operation) {
  const std::filesystem::path path = folder / kFile;
  Descriptor lock_file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  const bool to_be_made = (flags & O_CREAT) != 0;
  if (!lock_file && !to_be_made && (errno == ENOENT || errno == ENOTDIR)) return none();
  if (!lock_file) {
    const int error = errno;
    return failure(ErrorCode::kUnavailable,
                   "cannot open " + path.string() + ": " + std::strerror(error) + advice_on(error));
  }
  FolderLock lock(std::move(lock_file), folder);
  if (::flock(lock.lock_file_.get(), operation | LOCK_NB) != 0) {
    return failure(ErrorCode::kFailedPrecondition,
                   folder.string() + " is in use by another process");
  }
  return lock;
}

Status check_accessible(const std::filesystem::path& folder) {
  std::error_code error;
  // Of what would be in it, since that is what asks for the permission.
  static_cast<void>(std::filesystem::exists(folder / kFile, error));
  if (!error) return {};
  const bool is_forbidden = error == std::errc::permission_denied;
  return failure(ErrorCode::kUnavailable, "cannot look into " + folder.string() + ": " +
                                              error.message() + (is_forbidden ? kAsItsUser : ""));
}

Status sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened && ::fsync(opened.get()) == 0) return {};
  return failure(ErrorCode::kUnavailable,
                 "cannot sync folder " + folder.string() + ": " + std::strerror(errno));
}

}  // namespace citas

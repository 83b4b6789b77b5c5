#include "events/backup/files/file_backup_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "events/backup/file_name.h"
#include "events/base/check.h"
#include "events/base/descriptor.h"
#include "events/base/synced_file.h"

namespace citas::backup {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::size_t kReadBytes = std::size_t{1} << 20;

Error trouble(std::string_view what, const fs::path& path, int error) {
  const std::string_view advice = error == ENOSPC ? "; free some space on that disk" : "";
  return {error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
          "backups: cannot " + std::string(what) + " " + path.string() + ": " +
              std::strerror(error) + std::string(advice)};
}

Status make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(fs::absolute(folder).parent_path());
  if (errno == EEXIST) return {};
  return failure(trouble("make", folder, errno));
}

// Visits what lies in folders of backups, by its name in the store; it may be somebody else's.
template <typename Visit>
std::error_code visit_files(const fs::path& folder, const Visit& visit) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string id = at->path().filename().string();
    if (!time_of_id(id)) continue;
    const bool is_folder = at->is_directory(error);
    // Skipped, it would pass for a backup that was never made.
    if (error && error != std::errc::no_such_file_or_directory) return error;
    if (!is_folder) continue;
    for (fs::directory_iterator file(at->path(), error); !error && file != end;
         file.increment(error)) {
      visit(id + "/" + file->path().filename().string(), *file);
    }
    if (error) return error;
  }
  return error;
}

void remove_unfinished(const fs::path& folder) {
  std::vector<fs::path> left;
  visit_files(folder, [&](std::string_view name, const fs::directory_entry& file) {
    if (!name.ends_with(kUnfinished)) return;
    name.remove_suffix(kUnfinished.size());
    if (is_backup_file(name)) left.push_back(file.path());
  });
  std::error_code ignored;
  for (const fs::path& path : left) fs::remove(path, ignored);
}

Result<FolderLock> lock_of(const fs::path& folder, FileBackupStore::Access access) {
  switch (access) {
    case FileBackupStore::Access::kRead:
      return FolderLock::for_reading(folder);
    case FileBackupStore::Access::kWrite:
      return FolderLock::for_writing(folder);
    case FileBackupStore::Access::kLook:
      return FolderLock::none();
  }
  CHECK(false);
}

}  // namespace

Result<std::unique_ptr<FileBackupStore>> FileBackupStore::open(const fs::path& folder,
                                                               Access access) {
  if (const Status accessible = check_accessible(folder); !accessible) {
    return failure(accessible.error().code, "backups: " + accessible.error().message);
  }
  std::error_code error;
  if (access == Access::kWrite) {
    fs::create_directories(fs::absolute(folder).parent_path(), error);
    if (const Status made = make_folder(folder); !made) return failure(made.error());
  }
  if (!fs::is_directory(folder, error)) {
    return failure(ErrorCode::kNotFound, "backups: there is no folder " + folder.string());
  }
  auto lock = lock_of(folder, access);
  if (!lock) {
    return failure(lock.error().code, "backups: " + lock.error().message + "; try again later");
  }
  if (access == Access::kWrite) remove_unfinished(folder);
  return std::unique_ptr<FileBackupStore>(new FileBackupStore(folder, *std::move(lock)));
}

Result<std::map<std::string, std::uint64_t, std::less<>>> FileBackupStore::list() const {
  std::map<std::string, std::uint64_t, std::less<>> files;
  std::error_code unknown_size;
  const std::error_code error =
      visit_files(folder_, [&](const std::string& name, const fs::directory_entry& file) {
        if (is_backup_file(name)) files.emplace(name, file.file_size(unknown_size));
      });
  if (error) return failure(trouble("list", folder_, error.value()));
  return files;
}

Result<std::string> FileBackupStore::read(std::string_view name) const {
  const fs::path path = folder_ / name;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure(trouble("open", path, errno));
  std::string bytes;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kReadBytes);
    const ssize_t got = ::read(file.get(), bytes.data() + size, kReadBytes);
    if (got < 0 && errno != EINTR) return failure(trouble("read", path, errno));
    bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
  }
}

Status FileBackupStore::write(std::string_view name, std::string_view bytes) {
  const fs::path path = folder_ / name;
  const fs::path unfinished = path.string().append(kUnfinished);
  if (const Status ours = check_backup_file(name); !ours) return ours;
  if (const Status made = make_folder(path.parent_path()); !made) return made;
  std::error_code error;
  if (fs::exists(path, error)) {
    return failure(ErrorCode::kConflict, "backups: " + path.string() + " exists");
  }
  if (error) return failure(trouble("look for", path, error.value()));
  if (const Status written = write_synced(unfinished, bytes); !written) {
    return failure(written.error().code, "backups: " + written.error().message);
  }
  fs::rename(unfinished, path, error);
  if (error) return failure(trouble("name", path, error.value()));
  return sync_folder(path.parent_path());
}

Status FileBackupStore::remove(std::string_view name) {
  if (const Status ours = check_backup_file(name); !ours) return ours;
  const fs::path path = folder_ / name;
  if (::unlink(path.c_str()) != 0) {
    return errno == ENOENT ? Status{} : failure(trouble("remove", path, errno));
  }
  if (const Status synced = sync_folder(path.parent_path()); !synced) return synced;
  std::error_code not_empty;
  fs::remove(path.parent_path(), not_empty);
  return {};
}

}  // namespace citas::backup

#include "events/rocksdb/disk_folder.h"

#include <string>
#include <vector>

#include "events/base/rocksdb/next_step.h"

namespace citas {
namespace {

namespace fs = std::filesystem;

bool is_missing(const rocksdb::IOStatus& status) {
  return status.IsNotFound() || status.IsPathNotFound();
}

Error cannot(std::string_view what, const fs::path& path, const rocksdb::IOStatus& status) {
  return {ErrorCode::kUnavailable, "event log: cannot " + std::string(what) + " " + path.string() +
                                       ": " + status.ToString() + std::string(next_step(status))};
}

Status done(std::string_view what, const fs::path& path, const rocksdb::IOStatus& status) {
  return status.ok() ? Status{} : failure(cannot(what, path, status));
}

}  // namespace

Result<bool> exists(rocksdb::FileSystem& disk, const fs::path& path) {
  const auto found = disk.FileExists(path, {}, nullptr);
  if (found.ok() || is_missing(found)) return found.ok();
  return failure(cannot("look for", path, found));
}

Result<std::vector<std::string>> names_in(rocksdb::FileSystem& disk, const fs::path& folder) {
  std::vector<std::string> names;
  const auto listed = disk.GetChildren(folder, {}, &names, nullptr);
  if (listed.ok() || is_missing(listed)) return names;
  return failure(cannot("look into", folder, listed));
}

Status make_folder(rocksdb::FileSystem& disk, const fs::path& folder) {
  const auto is_there = exists(disk, folder);
  if (!is_there) return failure(is_there.error());
  if (*is_there) return {};
  const fs::path parent = folder.parent_path();
  if (const Status made = make_folder(disk, parent); !made) return made;
  const auto created = disk.CreateDirIfMissing(folder, {}, nullptr);
  if (!created.ok()) return done("create folder", folder, created);
  return sync_folder(disk, parent);
}

Status sync_folder(rocksdb::FileSystem& disk, const fs::path& folder) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  auto status = disk.NewDirectory(folder, {}, &opened, nullptr);
  if (status.ok()) status = opened->Fsync({}, nullptr);
  return done("sync folder", folder, status);
}

Status remove_files(rocksdb::FileSystem& disk, const fs::path& folder) {
  const auto names = names_in(disk, folder);
  if (!names) return failure(names.error());
  for (const std::string& name : *names) {
    if (const Status removed = remove_file(disk, folder / name); !removed) return removed;
  }
  return {};
}

Status remove_file(rocksdb::FileSystem& disk, const fs::path& file) {
  const auto is_there = exists(disk, file);
  if (!is_there) return failure(is_there.error());
  return *is_there ? done("delete", file, disk.DeleteFile(file, {}, nullptr)) : Status{};
}

Status rename(rocksdb::FileSystem& disk, const fs::path& from, const fs::path& to) {
  return done("rename " + from.string() + " to", to, disk.RenameFile(from, to, {}, nullptr));
}

}  // namespace citas

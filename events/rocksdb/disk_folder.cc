#include "events/rocksdb/disk_folder.h"

#include <string>
#include <vector>

#include "events/base/rocksdb/next_step.h"

namespace citas {
namespace {

namespace fs = std::filesystem;

Status done(std::string_view what, const fs::path& path, const rocksdb::IOStatus& status) {
  if (status.ok()) return {};
  return failure(ErrorCode::kUnavailable, "event log: cannot " + std::string(what) + " " +
                                              path.string() + ": " + status.ToString() +
                                              std::string(next_step(status)));
}

}  // namespace

bool exists(rocksdb::FileSystem& disk, const fs::path& path) {
  return disk.FileExists(path, {}, nullptr).ok();
}

Status make_folder(rocksdb::FileSystem& disk, const fs::path& folder) {
  if (exists(disk, folder)) return {};
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
  if (!exists(disk, folder)) return {};
  std::vector<std::string> names;
  const auto listed = disk.GetChildren(folder, {}, &names, nullptr);
  if (!listed.ok()) return done("look into", folder, listed);
  for (const std::string& name : names) {
    if (const Status removed = remove_file(disk, folder / name); !removed) return removed;
  }
  return {};
}

Status remove_file(rocksdb::FileSystem& disk, const fs::path& file) {
  if (!exists(disk, file)) return {};
  return done("delete", file, disk.DeleteFile(file, {}, nullptr));
}

Status rename(rocksdb::FileSystem& disk, const fs::path& from, const fs::path& to) {
  return done("rename " + from.string() + " to", to, disk.RenameFile(from, to, {}, nullptr));
}

}  // namespace citas

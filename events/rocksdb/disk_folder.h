// Folders on the disk that a log's files are on.
//
// Internal to this folder. Errors: Unavailable, naming the folder or file, the reason and the page
// that helps.
#pragma once

#include <rocksdb/file_system.h>

#include <filesystem>
#include <string>
#include <vector>

#include "events/base/result.h"

namespace citas {

// A disk that does not answer is an error: what it holds is not taken for missing.
Result<bool> exists(rocksdb::FileSystem& disk, const std::filesystem::path& path);
// What lies in a folder; nothing where there is none.
Result<std::vector<std::string>> names_in(rocksdb::FileSystem& disk,
                                          const std::filesystem::path& folder);
// With all above it, durably: a log in a folder that power loss takes away is lost with it.
Status make_folder(rocksdb::FileSystem& disk, const std::filesystem::path& folder);
// Makes the names in a folder survive power loss.
Status sync_folder(rocksdb::FileSystem& disk, const std::filesystem::path& folder);
// Of a folder that holds only files, where there is one. Not durable.
Status remove_files(rocksdb::FileSystem& disk, const std::filesystem::path& folder);
// Where there is one. Not durable.
Status remove_file(rocksdb::FileSystem& disk, const std::filesystem::path& file);
// Not durable.
Status rename(rocksdb::FileSystem& disk, const std::filesystem::path& from,
              const std::filesystem::path& to);

}  // namespace citas

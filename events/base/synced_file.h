// Files that are written whole, or not at all.
#pragma once

#include <filesystem>
#include <string_view>

#include "events/base/result.h"

namespace citas {

// Writes a file anew, for its owner alone, and syncs it. Its name survives power loss once its
// folder is synced (sync_folder). Unavailable: names the file and the reason.
Status write_synced(const std::filesystem::path& file, std::string_view bytes);

// Writes a file under another name ("<file>.new"), for its owner alone, and gives it its name: who
// reads it finds what was there before or all of this. Not synced. Unavailable: names the file and
// the reason; what was there before still is.
Status replace_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace citas

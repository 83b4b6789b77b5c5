// Files whose bytes survive power loss.
#pragma once

#include <filesystem>
#include <string_view>

#include "events/base/result.h"

namespace citas {

// Writes a file anew, for its owner alone, and syncs it. Its name survives power loss once its
// folder is synced (sync_folder). Unavailable: names the file and the reason.
Status write_synced(const std::filesystem::path& file, std::string_view bytes);

}  // namespace citas

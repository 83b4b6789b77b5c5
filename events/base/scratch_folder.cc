#include "events/base/scratch_folder.h"

#include <stdlib.h>

#include <string>
#include <utility>

namespace citas {

Result<ScratchFolder> ScratchFolder::make(std::string_view name) {
  std::error_code error;
  const auto parent = std::filesystem::temp_directory_path(error);
  std::string pattern = (parent / ("citas-" + std::string(name) + "-XXXXXX")).string();
  if (error || ::mkdtemp(pattern.data()) == nullptr) {
    return failure(ErrorCode::kUnavailable,
                   "cannot make a temporary folder; set TMPDIR to a place with space");
  }
  return ScratchFolder(pattern);
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace citas

// ScratchFolder: a temporary folder that is gone, with all that is in it, when its owner is.
#pragma once

#include <filesystem>
#include <string_view>

#include "events/base/result.h"

namespace citas {

class ScratchFolder {
 public:
  // Below TMPDIR, with `name` in its name. Unavailable: it cannot be made.
  static Result<ScratchFolder> make(std::string_view name);

  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace citas

// Target: what a command works on that takes a running server or a stopped one's folder, and how it
// answers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ops/citas/terminal.h"

namespace citas::ops {

struct Target {
  std::string url = "http://127.0.0.1:8080";
  std::optional<std::filesystem::path> data;  // when given, the URL does not count
  Output output = Output::kTable;
  bool quiet = false;
};

}  // namespace citas::ops

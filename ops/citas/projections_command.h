// `citas projections list|rebuild`: on a running server, or with --data on a stopped one's folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ops/citas/terminal.h"

namespace citas::ops {

struct ProjectionsTarget {
  std::string url = "http://127.0.0.1:8080";
  std::optional<std::filesystem::path> data;  // when given, the URL does not count
  Output output = Output::kTable;
  bool quiet = false;
};

// Both return the process's exit code. A rebuild that found the old read model wrong has replaced
// it, and ends with kExitMismatch.
int list_projections(const ProjectionsTarget& target);
int rebuild_projection(const ProjectionsTarget& target, const std::string& name);

}  // namespace citas::ops

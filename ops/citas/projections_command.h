// `citas projections list|rebuild`: on a running server, or with --data on a stopped one's folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "events/base/result.h"
#include "ops/citas/terminal.h"

namespace citas::ops {

struct ProjectionsTarget {
  std::string url = "http://127.0.0.1:8080";
  std::optional<std::filesystem::path> data;  // when given, the URL does not count
  Output output = Output::kTable;
  bool quiet = false;
};

// What came of a rebuild.
struct Rebuilt {
  std::string name;
  bool identical = false;  // to the one that it replaced
  std::uint64_t events = 0;
  std::chrono::milliseconds duration{0};
};
double seconds_of(const Rebuilt& rebuilt);
// Rebuilds one, and returns when that has ended. The errors are for the operator.
Result<Rebuilt> rebuild(const ProjectionsTarget& target, const std::string& name);
// In words for people.
void print_rebuilt(const Rebuilt& rebuilt);

// Both return the process's exit code. A rebuild that found the old read model wrong has replaced
// it, and ends with kExitMismatch.
int list_projections(const ProjectionsTarget& target);
int rebuild_projection(const ProjectionsTarget& target, const std::string& name);

}  // namespace citas::ops

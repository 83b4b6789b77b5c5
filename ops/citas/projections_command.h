// `citas projections list|rebuild`: on a running server, or with --data on a stopped one's folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "events/base/result.h"
#include "ops/citas/command_line.h"
#include "ops/citas/target.h"

namespace citas::ops {

// What came of a rebuild.
struct Rebuilt {
  std::string name;
  bool identical = false;  // to the one that it replaced
  std::uint64_t events = 0;
  std::chrono::milliseconds duration{0};
  std::string unreadable;  // why that one could not be read; empty: it could
};
double seconds_of(const Rebuilt& rebuilt);
// Rebuilds one, and returns when that has ended. The errors are for the operator.
Result<Rebuilt> rebuild(const Target& target, const std::string& name);
// In words for people.
void print_rebuilt(const Rebuilt& rebuilt);

// Both return the process's exit code. A rebuild that found the old read model wrong has replaced
// it, and ends with kExitMismatch.
int list_projections(const Target& target);
int rebuild_projection(const Target& target, const std::string& name);

// Adds the command and its options; `action` is set when the command line is this command's.
void add_projections(CLI::App& app, Action& action);

}  // namespace citas::ops

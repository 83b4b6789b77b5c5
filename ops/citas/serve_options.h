// The commands that run for long, `citas serve` and `citas worker`, and those that look at what a
// server would run with: `citas config show`, `citas doctor`.
#pragma once

#include "ops/citas/command_line.h"

namespace citas::ops {

// Each adds its command and options; `action` is set when the command line is that command's.
void add_serve(CLI::App& app, Action& action);
void add_worker(CLI::App& app, Action& action);
void add_config(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);

}  // namespace citas::ops

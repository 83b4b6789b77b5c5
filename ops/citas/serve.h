// `citas serve` and `citas worker`: the commands that run until a signal ends them.
#pragma once

#include "ops/citas/json_log.h"
#include "ops/citas/options.h"

namespace citas::ops {

// Both return the process's exit code. They must be called before any thread is started.
int serve(const ServeOptions& options, LogLevel log_level);
int run_worker(const WorkerOptions& options, LogLevel log_level);

}  // namespace citas::ops

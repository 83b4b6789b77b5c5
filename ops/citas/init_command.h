// `citas init`: begins a new, empty log. A server does so by itself where nothing speaks against it
// (new_log.h); this is for a server that was told --existing-log, and for whoever has decided.
#pragma once

#include "ops/citas/command_line.h"

namespace citas::ops {

void add_init(CLI::App& app, Action& action);

}  // namespace citas::ops

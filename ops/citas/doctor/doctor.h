// `citas doctor`: says what is wrong with the place that a server runs in, and what to do about it.
#pragma once

#include <string>

#include "ops/citas/options.h"
#include "ops/citas/terminal.h"

namespace citas::ops::doctor {

inline constexpr char kVerdictsHelp[] =
    "It changes and locks nothing, and may run beside the server, as its user.\n"
    "Exit codes: 0 nothing failed, though there may be warnings · 1 a check failed · 2 wrong usage "
    "· 3 stored data is wrong";

struct DoctorOptions {
  ServeOptions serve;  // what a server was started with, or is going to be
  std::string url;     // of a running one; empty: its parts are not asked
  Output output = Output::kTable;
};

// Prints a line for each check. Returns the process's exit code.
int examine(const DoctorOptions& options);

}  // namespace citas::ops::doctor

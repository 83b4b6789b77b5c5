// What the program's exit codes mean; the same for every command, and shown by --help.
#pragma once

#include "events/base/result.h"

namespace citas::ops {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,    // it could not be done; the message says why and what to do
  kExitUsage = 2,     // the command line is wrong
  kExitCorrupt = 3,   // stored data is wrong; the message names the place
  kExitMismatch = 4,  // all is consistent, but not what was expected
};

inline constexpr char kExitCodesHelp[] =
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 stored data is wrong · "
    "4 not what was expected";

int exit_code_of(const Error& error);

// Says on stderr, in one line, why the command ends, and returns its exit code.
int refuse(const Error& error);

}  // namespace citas::ops

#include "ops/citas/exit_codes.h"

#include <fmt/format.h>

#include <cstdio>

namespace citas::ops {

int exit_code_of(const Error& error) {
  if (error.code == ErrorCode::kCorruption) return kExitCorrupt;
  if (error.code == ErrorCode::kInvalidArgument) return kExitUsage;
  return kExitFailed;
}

int refuse(const Error& error) {
  fmt::print(stderr, "citas: {}\n", error.message);
  return exit_code_of(error);
}

}  // namespace citas::ops

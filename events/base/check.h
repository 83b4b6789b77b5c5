// CHECK: stops the process on a programmer's error, in every build type.
//
// Never for input, disks, clocks or peers: those return a Result (see result.h).
#pragma once

namespace citas {

// Prints where and what to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace citas

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::citas::check_failed(__FILE__, __LINE__, #condition))

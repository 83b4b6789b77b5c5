#include "ops/citas/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "events/base/check.h"

namespace citas::ops {

void occupy_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // Open the wrong way round, so that its use is noticed.
    const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    CHECK(opened == stream);
  }
}

Status finish_stdout() {
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written) return {};
  const int error = errno;
  return failure(ErrorCode::kUnavailable,
                 "stdout cannot be written" +
                     (error == 0 ? "" : std::string(": ") + std::strerror(error)) +
                     "; what was to be shown is not whole");
}

}  // namespace citas::ops

#include "ops/citas/signals.h"

#include <pthread.h>
#include <unistd.h>

namespace citas::ops {

ShutdownSignal::ShutdownSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

bool ShutdownSignal::wait(std::chrono::milliseconds timeout) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  timespec limit{};
  limit.tv_sec = seconds.count();
  limit.tv_nsec = std::chrono::nanoseconds(timeout - seconds).count();
  return sigtimedwait(&signals_, nullptr, &limit) > 0;
}

bool ShutdownSignal::request(int exit_code) {
  int none = 0;
  const bool is_first = exit_code_.compare_exchange_strong(none, exit_code);
  ::kill(::getpid(), SIGTERM);
  return is_first;
}

}  // namespace citas::ops

#include "ops/citas/signals.h"

#include <pthread.h>
#include <unistd.h>

namespace citas::ops {
namespace {

// The kernel's own, such as of a terminal's Ctrl-C, are from nobody.
std::string describe(const siginfo_t& signal) {
  const bool is_own = signal.si_code == SI_USER && signal.si_pid == ::getpid();
  if (is_own) return {};
  const std::string name = signal.si_signo == SIGINT ? "SIGINT" : "SIGTERM";
  return signal.si_pid == 0 ? name : name + " from process " + std::to_string(signal.si_pid);
}

}  // namespace

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
  siginfo_t signal{};
  if (sigtimedwait(&signals_, &signal, &limit) <= 0) return false;
  cause_ = describe(signal);
  return true;
}

bool ShutdownSignal::request(int exit_code) {
  int none = 0;
  const bool is_first = exit_code_.compare_exchange_strong(none, exit_code);
  ::kill(::getpid(), SIGTERM);
  return is_first;
}

}  // namespace citas::ops

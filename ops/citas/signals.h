// ShutdownSignal: one place where SIGINT, SIGTERM and fatal errors end the process in order.
#pragma once

#include <csignal>

#include <atomic>
#include <chrono>
#include <string>

namespace citas::ops {

// Make it before any other thread: it blocks the signals for all that follow. SIGPIPE and SIGXFSZ
// are ignored, so that a write to nobody, or beyond the limit of a file's size, is one that fails
// and is told, and no death without a word.
class ShutdownSignal {
 public:
  ShutdownSignal();
  // True once a signal or request() has come; else false after `timeout`.
  bool wait(std::chrono::milliseconds timeout);
  // Which signal has come, and from which process; empty when it was request(), or none.
  const std::string& cause() const { return cause_; }
  // Asks for a shutdown with this exit code, from any thread. The first code stays; true for it.
  bool request(int exit_code);
  int exit_code() const { return exit_code_; }

 private:
  sigset_t signals_;
  std::string cause_;  // of the thread that waits
  std::atomic<int> exit_code_{0};
};

}  // namespace citas::ops

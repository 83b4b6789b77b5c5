#include "ops/citas/service_manager.h"

#include <systemd/sd-daemon.h>

#include <algorithm>

namespace citas::ops {
namespace {

constexpr int kKeepEnvironment = 0;

void tell(const std::string& what) {
  // Whether it arrived is the manager's concern: it acts when it hears nothing.
  static_cast<void>(sd_notify(kKeepEnvironment, what.c_str()));
}

}  // namespace

Systemd::Systemd() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(kKeepEnvironment, &microseconds) > 0) {
    watchdog_ = std::chrono::microseconds{microseconds};
  }
}

void Systemd::extend(std::chrono::seconds by) {
  tell("EXTEND_TIMEOUT_USEC=" + std::to_string(std::chrono::microseconds(by).count()));
}

void Systemd::ready() { tell("READY=1"); }

void Systemd::stopping() { tell("STOPPING=1"); }

void Systemd::alive() { tell("WATCHDOG=1"); }

void Systemd::status(const std::string& line) {
  std::string one_line = line;
  std::ranges::replace(one_line, '\n', ' ');
  tell("STATUS=" + one_line);
}

}  // namespace citas::ops

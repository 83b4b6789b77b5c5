// ServiceManager: what a server tells systemd, or whoever plays its part (sd_notify(3)).
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace citas::ops {

// Thread-safe. Never waits, and never fails: who asked for no news gets none.
class ServiceManager {
 public:
  virtual ~ServiceManager() = default;
  // Within which it wants a sign of life again and again; nullopt: it does not watch.
  virtual std::optional<std::chrono::microseconds> watchdog() const = 0;
  // The start, or the stop, may take so much longer from now on.
  virtual void extend(std::chrono::seconds by) = 0;
  virtual void ready() = 0;
  virtual void stopping() = 0;
  virtual void alive() = 0;
  // One line for `systemctl status`.
  virtual void status(const std::string& line) = 0;
};

// The one that started this process, as it says in the environment (NOTIFY_SOCKET, WATCHDOG_USEC).
class Systemd final : public ServiceManager {
 public:
  Systemd();
  std::optional<std::chrono::microseconds> watchdog() const override { return watchdog_; }
  void extend(std::chrono::seconds by) override;
  void ready() override;
  void stopping() override;
  void alive() override;
  void status(const std::string& line) override;

 private:
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace citas::ops

// TroubleLog: tells, once each, when a part gets into trouble, and when it is well again: for who
// reads a log in the morning, when all is well and /readyz tells nothing any more.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "events/base/clock.h"

namespace citas::ops {

// For one thread. Borrows the clock.
class TroubleLog {
 public:
  struct Words {
    std::function<void(std::string_view part, std::string_view reason)> in_trouble;
    std::function<void(std::string_view part)> well_again;
  };
  // What passes sooner is no news: a bus that is connecting, a read model that catches up.
  static constexpr std::chrono::seconds kPatience{5};

  TroubleLog(Words words, const Clock& clock) : words_(std::move(words)), clock_(clock) {}

  // How a part is now; without trouble, `reason` is empty. A reason that changes is no news.
  void note(std::string_view part, std::string_view reason);

 private:
  struct Trouble {
    Clock::Monotonic since;
    bool told = false;
  };

  const Words words_;
  const Clock& clock_;
  std::map<std::string, Trouble, std::less<>> troubles_;
};

}  // namespace citas::ops

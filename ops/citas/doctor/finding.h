// Finding: what one check of `citas doctor` came to, in a line for an operator.
//
// A check is a pure function from facts to findings; a look (look_*.cc) is what gathers the facts
// from the machine. Looks change nothing, lock nothing, and work beside a running server.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace citas::ops::doctor {

// Ordered: the worse, the greater.
enum class Verdict {
  kOk,
  kWarn,  // it serves, but something will hurt one day
  kFail,  // it does not serve, or not safely
};

// "OK", "WARN", "FAIL".
std::string_view to_string(Verdict verdict);

struct Finding {
  std::string check;  // "disk.space"
  Verdict verdict = Verdict::kOk;
  std::string what;        // what was found
  std::string next = {};   // what to do about it; empty when all is well
  bool is_damage = false;  // of stored data
};

inline Finding ok(std::string check, std::string what) {
  return {std::move(check), Verdict::kOk, std::move(what)};
}
inline Finding warn(std::string check, std::string what, std::string next) {
  return {std::move(check), Verdict::kWarn, std::move(what), std::move(next)};
}
inline Finding fail(std::string check, std::string what, std::string next) {
  return {std::move(check), Verdict::kFail, std::move(what), std::move(next)};
}

using Findings = std::vector<Finding>;

// kOk of none.
Verdict worst(const Findings& findings);

}  // namespace citas::ops::doctor

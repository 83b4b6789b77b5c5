#include "ops/citas/doctor/finding.h"

#include <algorithm>

#include "events/base/check.h"

namespace citas::ops::doctor {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "OK";
    case Verdict::kWarn:
      return "WARN";
    case Verdict::kFail:
      return "FAIL";
  }
  CHECK(false);
}

Verdict worst(const Findings& findings) {
  Verdict found = Verdict::kOk;
  for (const Finding& finding : findings) found = std::max(found, finding.verdict);
  return found;
}

}  // namespace citas::ops::doctor

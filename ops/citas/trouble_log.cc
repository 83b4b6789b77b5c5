#include "ops/citas/trouble_log.h"

namespace citas::ops {

void TroubleLog::note(std::string_view part, std::string_view reason) {
  const auto known = troubles_.find(part);
  if (reason.empty()) {
    if (known == troubles_.end()) return;
    if (known->second.told) words_.well_again(part);
    troubles_.erase(known);
    return;
  }
  const auto now = clock_.monotonic();
  if (known == troubles_.end()) {
    troubles_.emplace(part, Trouble{now});
  } else if (!known->second.told && now - known->second.since >= kPatience) {
    known->second.told = true;
    words_.in_trouble(part, reason);
  }
}

}  // namespace citas::ops

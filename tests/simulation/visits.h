// What the appointments of a simulated run are about: a schedule's number says what its country
// makes of a request for it.
#pragma once

#include <map>

#include "tests/simulation/faults.h"
#include "workers/country_rules.h"

namespace citas::simulation {

enum class Visit {
  kAccepted,
  kRefused,
  kAcceptedLater,  // the first try fails
  kPoisonous,      // the process that tries it dies
};

inline constexpr std::int64_t kSchedules = 8;  // of each country

inline Visit visit_of(ScheduleId schedule) {
  switch (schedule.value() % kSchedules) {
    case 5:
      return Visit::kRefused;
    case 6:
      return Visit::kAcceptedLater;
    case 7:
      return Visit::kPoisonous;
    default:
      return Visit::kAccepted;
  }
}

class VisitRules final : public workers::CountryRules {
 public:
  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override {
    switch (visit_of(request.ref.slot.schedule)) {
      case Visit::kAccepted:
        break;
      case Visit::kRefused:
        return ReasonCode::parse("center_closed");
      case Visit::kAcceptedLater:
        if (++tried_[request.ref.appointment] == 1) {
          return failure(ErrorCode::kUnavailable, "not now");
        }
        break;
      case Visit::kPoisonous:
        throw Crash{};
    }
    return std::optional<ReasonCode>{};
  }

 private:
  mutable std::map<AppointmentId, int> tried_;
};

}  // namespace citas::simulation

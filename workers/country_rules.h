// CountryRules: what a country demands of a request before it registers it.
//
// By configuration, one JSON object for all countries; a country that is not named refuses nothing:
//
//   {"PE": {"required": ["centerId", "date"], "closedCenters": [9]}}
//
// Refusal reasons are codes ([a-z][a-z0-9_]{0,63}): "missing_center_id", "missing_specialty_id",
// "missing_medic_id", "missing_date", "center_closed".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "events/base/result.h"
#include "events/event.h"

namespace citas::workers {

class CountryRules {
 public:
  virtual ~CountryRules() = default;
  // Why the country refuses the request; nullopt when it does not. An Error means that the rules
  // could not be applied: the request is tried again later.
  virtual Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const = 0;
};

class ConfiguredRules final : public CountryRules {
 public:
  enum class Field { kCenter, kSpecialty, kMedic, kDate };

  // Refuses nothing.
  ConfiguredRules() = default;
  ConfiguredRules(std::set<Field> required, std::set<std::int64_t> closed_centers)
      : required_(std::move(required)), closed_centers_(std::move(closed_centers)) {}

  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override;

 private:
  std::set<Field> required_;
  std::set<std::int64_t> closed_centers_;
};

// InvalidArgument: names the country and the field that is wrong.
Result<std::map<CountryCode, ConfiguredRules>> parse_country_rules(std::string_view json);

}  // namespace citas::workers

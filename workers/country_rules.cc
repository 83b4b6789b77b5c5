#include "workers/country_rules.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "events/base/check.h"

namespace citas::workers {
namespace {

using Json = nlohmann::json;
using Field = ConfiguredRules::Field;

struct FieldName {
  Field field;
  std::string_view name;
  std::string_view reason;  // when it is required and missing
};

constexpr std::array<FieldName, 4> kFields{{
    {Field::kCenter, "centerId", "missing_center_id"},
    {Field::kSpecialty, "specialtyId", "missing_specialty_id"},
    {Field::kMedic, "medicId", "missing_medic_id"},
    {Field::kDate, "date", "missing_date"},
}};
constexpr std::string_view kCenterClosed = "center_closed";

bool is_present(const VisitDetails& details, Field field) {
  switch (field) {
    case Field::kCenter:
      return details.center.has_value();
    case Field::kSpecialty:
      return details.specialty.has_value();
    case Field::kMedic:
      return details.medic.has_value();
    case Field::kDate:
      return details.date.has_value();
  }
  CHECK(false);
}

auto wrong(const std::string& country, const std::string& what) {
  return failure(ErrorCode::kInvalidArgument, "country rules of " + country + ": " + what);
}

Result<std::set<Field>> read_required(const std::string& country, const Json& names) {
  if (!names.is_array()) return wrong(country, "\"required\" must be a list of field names");
  std::set<Field> required;
  for (const Json& name : names) {
    const auto* found = std::ranges::find_if(
        kFields, [&](const FieldName& field) { return name.is_string() && name == field.name; });
    if (found == kFields.end()) {
      return wrong(country, "\"required\" may hold centerId, specialtyId, medicId and date");
    }
    required.insert(found->field);
  }
  return required;
}

Result<std::set<std::int64_t>> read_centers(const std::string& country, const Json& ids) {
  if (!ids.is_array()) return wrong(country, "\"closedCenters\" must be a list of integers");
  std::set<std::int64_t> centers;
  for (const Json& id : ids) {
    if (!id.is_number_integer()) return wrong(country, "\"closedCenters\" may hold only integers");
    centers.insert(id.get<std::int64_t>());
  }
  return centers;
}

Result<ConfiguredRules> read_country(const std::string& country, const Json& rules) {
  if (!rules.is_object()) return wrong(country, "must be an object");
  std::set<Field> required;
  std::set<std::int64_t> closed_centers;
  for (const auto& [name, value] : rules.items()) {
    if (name == "required") {
      auto read = read_required(country, value);
      if (!read) return failure(std::move(read.error()));
      required = std::move(*read);
    } else if (name == "closedCenters") {
      auto read = read_centers(country, value);
      if (!read) return failure(std::move(read.error()));
      closed_centers = std::move(*read);
    } else {
      return wrong(country, "unknown rule \"" + name + "\"; known are required, closedCenters");
    }
  }
  return ConfiguredRules(std::move(required), std::move(closed_centers));
}

}  // namespace

Result<std::optional<ReasonCode>> ConfiguredRules::check(
    const AppointmentRequested& request) const {
  for (const FieldName& field : kFields) {
    const bool missing =
        required_.contains(field.field) && !is_present(request.details, field.field);
    if (missing) return ReasonCode::parse(field.reason);
  }
  const auto center = request.details.center;
  if (center && closed_centers_.contains(*center)) return ReasonCode::parse(kCenterClosed);
  return std::optional<ReasonCode>{};
}

Result<std::map<CountryCode, ConfiguredRules>> parse_country_rules(std::string_view json) {
  const Json document = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return failure(ErrorCode::kInvalidArgument,
                   "country rules: not a JSON object such as {\"PE\": {\"required\": [\"date\"]}}");
  }
  std::map<CountryCode, ConfiguredRules> all;
  for (const auto& [name, value] : document.items()) {
    const auto country = CountryCode::parse(name);
    if (!country) return wrong("\"" + name + "\"", "not a country code such as PE");
    auto rules = read_country(name, value);
    if (!rules) return failure(std::move(rules.error()));
    all.emplace(*country, std::move(*rules));
  }
  return all;
}

}  // namespace citas::workers

#include "workers/country_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"

namespace citas::workers {
namespace {

using testing::HasSubstr;

AppointmentRequested request(VisitDetails details) {
  return {{AppointmentId{}, *InsuredId::parse("00001"), {kPeru, ScheduleId{1}}}, details};
}

std::string refusal(const CountryRules& rules, const VisitDetails& details) {
  const auto reason = rules.check(request(details)).value();
  return reason ? reason->text() : "";
}

TEST(CountryRules, ByDefaultNothingIsRefused) { EXPECT_EQ(refusal(ConfiguredRules{}, {}), ""); }

TEST(CountryRules, RequiredFieldsAndClosedCenters) {
  const auto all = parse_country_rules(
      R"({"PE":{"required":["centerId","specialtyId","medicId","date"],"closedCenters":[9]}})");
  ASSERT_TRUE(all) << all.error().message;
  const CountryRules& rules = all->at(kPeru);
  VisitDetails details;
  EXPECT_EQ(refusal(rules, details), "missing_center_id");
  details.center = 9;
  EXPECT_EQ(refusal(rules, details), "missing_specialty_id");
  details.specialty = 1;
  EXPECT_EQ(refusal(rules, details), "missing_medic_id");
  details.medic = 1;
  EXPECT_EQ(refusal(rules, details), "missing_date");
  details.date = Timestamp{};
  EXPECT_EQ(refusal(rules, details), "center_closed");
  details.center = 8;
  EXPECT_EQ(refusal(rules, details), "");
}

TEST(CountryRules, EveryMistakeIsNamed) {
  const std::map<std::string, std::string> mistakes{
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {R"({"Peru":{}})", "not a country code"},
      {R"({"PE":[]})", "PE: must be an object"},
      {R"({"PE":{"requires":[]}})", "unknown rule \"requires\""},
      {R"({"PE":{"required":"date"}})", "list of field names"},
      {R"({"PE":{"required":["name"]}})", "centerId, specialtyId"},
      {R"({"PE":{"required":[1]}})", "centerId, specialtyId"},
      {R"({"PE":{"closedCenters":7}})", "list of integers"},
      {R"({"PE":{"closedCenters":["7"]}})", "only integers"},
  };
  for (const auto& [json, expected] : mistakes) {
    const auto rules = parse_country_rules(json);
    ASSERT_FALSE(rules) << json;
    EXPECT_EQ(rules.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(rules.error().message, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace citas::workers

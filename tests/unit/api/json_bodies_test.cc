#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "api/json_object.h"
#include "api/request_json.h"

namespace citas::api {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

const Timestamp kNow = *parse_rfc3339("2030-01-01T00:00:00Z");
const std::set<CountryCode> kCountries{*CountryCode::parse("CL"), *CountryCode::parse("PE")};

auto parse(std::string_view body) { return parse_booking(body, kNow, kCountries); }

// The fields that a body is refused for, as "field:code"; empty when it is accepted.
std::vector<std::string> faults(std::string_view body) {
  const auto booking = parse(body);
  if (booking) return {};
  std::vector<std::string> all;
  for (const FieldError& error : booking.error().errors) {
    all.push_back(error.field + ":" + std::string{error.code});
    EXPECT_THAT(booking.error().detail, HasSubstr(error.message));
    EXPECT_THAT(error.message, HasSubstr(error.field));
  }
  if (all.empty()) all.emplace_back(type_of(booking.error().code).code);
  return all;
}

// A booking with one member replaced or added.
std::string with(std::string_view member) {
  return R"({"insuredId":"00001","scheduleId":100,"countryISO":"PE",)" + std::string{member} + "}";
}

TEST(BookingJson, ReadsEveryField) {
  const auto booking =
      parse(R"({"insuredId":"00001","scheduleId":9007199254740991,"countryISO":"CL","centerId":4,
                "specialtyId":3,"medicId":7,"date":"2030-09-30T12:30:00-05:00"})");
  ASSERT_TRUE(booking);
  EXPECT_EQ(booking->insured.text(), "00001");
  EXPECT_EQ(booking->slot.schedule, ScheduleId{kMaxJsonInteger});
  EXPECT_EQ(booking->slot.country.text(), "CL");
  EXPECT_EQ(booking->details.center, 4);
  EXPECT_EQ(booking->details.specialty, 3);
  EXPECT_EQ(booking->details.medic, 7);
  EXPECT_EQ(format_rfc3339(*booking->details.date), "2030-09-30T17:30:00.000Z");
}

TEST(BookingJson, LeavesTimeAndConfigurationToTheSequencer) {
  EXPECT_THAT(faults(with(R"("date":"2001-01-01T00:00:00Z")")), IsEmpty());
  EXPECT_THAT(faults(R"({"insuredId":"00001","scheduleId":1,"countryISO":"XX"})"), IsEmpty());
}

TEST(BookingJson, NamesAllFaultsAtOnceThoseOfTimeAndConfigurationToo) {
  EXPECT_THAT(faults(R"({"insuredId":"1","scheduleId":0,"countryISO":"XX","medicId":1.0,
                         "date":"2001-01-01T00:00:00Z","colour":"red"})"),
              UnorderedElementsAre("insuredId:invalid_insured_id", "scheduleId:invalid_integer",
                                   "medicId:invalid_integer", "colour:unknown_field",
                                   "countryISO:unknown_country", "date:date_in_past"));
  EXPECT_THAT(faults("{}"), UnorderedElementsAre("insuredId:required", "scheduleId:required",
                                                 "countryISO:required"));
}

struct InvalidValue {
  std::string_view field;
  std::vector<std::string_view> values;
  std::string_view code;
};

class BookingField : public testing::TestWithParam<InvalidValue> {};

TEST_P(BookingField, RefusesWhatIsNotExactlyRight) {
  const auto& [field, values, code] = GetParam();
  for (const std::string_view value : values) {
    std::string body = R"({"insuredId":"00001","scheduleId":100,"countryISO":"PE")";
    const std::string member = '"' + std::string{field} + "\":";
    if (const auto at = body.find(member); at != std::string::npos) {
      body.replace(at, body.find_first_of(",}", at) - at, member + std::string{value});
      if (body.back() == ',') body.pop_back();
    } else {
      body.append(",").append(member).append(value);
    }
    EXPECT_THAT(faults(body + "}"),
                testing::ElementsAre(std::string{field} + ":" + std::string{code}))
        << body;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BookingField,
    testing::Values(
        InvalidValue{
            "insuredId",
            {"1", "\"1\"", "\"123456\"", "\"0000a\"", "\"0000 \"", "\"\"", "null",
             "\"\\u0660\\u0660\\u0660\\u0660\\u0660\"", "[\"00001\"]", "true", "\"0000\\u0000\""},
            "invalid_insured_id"},
        InvalidValue{"scheduleId",
                     {"0", "-1", "-0", "1.0", "1e3", "\"1\"", "9007199254740992",
                      "9223372036854775808", "18446744073709551616", "null", "true", "{}", "[1]"},
                     "invalid_integer"},
        InvalidValue{"countryISO",
                     {"\"pe\"", "\"PER\"", "\"P\"", "\"\"", "1", "null", "\"P\\u00c9\"",
                      "{\"a\":{\"b\":1}}"},
                     "invalid_country"},
        InvalidValue{"medicId", {"0", "1.5", "\"7\"", "null", "[]"}, "invalid_integer"},
        InvalidValue{"centerId", {"-3", "1E0", "false"}, "invalid_integer"},
        InvalidValue{"specialtyId", {"9007199254740993", "\"\""}, "invalid_integer"},
        InvalidValue{"date",
                     {"\"2030-01-01\"", "\"2030-02-30T00:00:00Z\"", "\"2030-01-01T00:00:00\"",
                      "\"9999-12-31T23:59:59-01:00\"", "\"0000-01-01T00:00:00+01:00\"", "1", "null",
                      "\"2030-01-01T24:00:00Z\"", "\"2030-01-01T00:00:60Z\""},
                     "invalid_date"}));

TEST(BookingJson, RefusesWhatIsNotOneObject) {
  const std::vector<std::string> bodies{"",
                                        " ",
                                        "[]",
                                        "1",
                                        "null",
                                        "\"a\"",
                                        "{",
                                        "{}}",
                                        "{} {}",
                                        "{\"a\":1,}",
                                        "{'a':1}",
                                        "{a:1}",
                                        "// c\n{}",
                                        std::string("{}\0", 3),
                                        "\xef\xbb\xbf{",
                                        "{\"a\":NaN}",
                                        "{\"a\":01}",
                                        "{\"a\":+1}",
                                        "{\"a\":\"\t\"}",
                                        "{\"a\":\"\xff\"}",
                                        "{\"\xc3\x28\":1}",
                                        "{\"a\":\"\\ud800\"}",
                                        "{\"a\":\"\xed\xa0\x80\"}",
                                        "{\"a\":1e999}",
                                        std::string("{}\0{}", 5)};
  for (const std::string& body : bodies) {
    EXPECT_THAT(faults(body), testing::ElementsAre("malformed_json")) << body;
  }
}

TEST(BookingJson, RefusesRepeatedFields) {
  EXPECT_THAT(faults(with(R"("scheduleId":100)")),
              testing::ElementsAre("scheduleId:repeated_field"));
  EXPECT_THAT(faults(with(R"("medic\u0049d":1,"medicId":2)")),
              testing::ElementsAre("medicId:repeated_field"));
}

TEST(BookingJson, NamesARepeatedFieldOnceHoweverOftenItComes) {
  std::string body = R"("scheduleId":1)";
  for (int i = 0; i < 1'000; ++i) body.append(R"(,"scheduleId":1)");
  EXPECT_THAT(faults(with(body)), testing::ElementsAre("scheduleId:repeated_field"));
  EXPECT_THAT(faults(with(R"("x":1,"y":2,"x":3,"y":4)")),
              testing::ElementsAre("x:unknown_field", "y:unknown_field"));
}

TEST(BookingJson, SaysOfANumberThatItIsTooLarge) {
  const auto booking = parse(with(R"("medicId":1e400)"));
  ASSERT_FALSE(booking);
  EXPECT_THAT(booking.error().detail, HasSubstr("number that is too large"));
  EXPECT_THAT(parse("{\"a\":1e4x}").error().detail, HasSubstr("not valid JSON"));
}

TEST(BookingJson, BoundsDepthAndTheNumberOfNamedFields) {
  const auto nested = [](std::size_t depth) {
    return with("\"a\":" + std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_THAT(faults(nested(kMaxJsonDepth - 1)), testing::ElementsAre("a:unknown_field"));
  EXPECT_THAT(faults(nested(kMaxJsonDepth)), testing::ElementsAre("malformed_json"));
  EXPECT_THAT(faults(nested(100'000)), testing::ElementsAre("malformed_json"));

  std::string many;
  for (int i = 0; i < 1'000; ++i) many += ",\"x" + std::to_string(i) + "\":1";
  EXPECT_EQ(faults(with("\"y\":1" + many)).size(), kMaxUnknownFields);
}

TEST(BookingJson, ShowsOnlyTheBeginningOfAnUnknownName) {
  std::string name;
  for (int i = 0; i < 100; ++i) name += "ñ";
  const auto booking = parse(with("\"" + name + "\":1"));
  ASSERT_FALSE(booking);
  EXPECT_LT(booking.error().errors.front().field.size(), 80U);
  EXPECT_THAT(render(booking.error(), "r", kNow), Not(HasSubstr("\\ufffd")));
}

TEST(BookingJson, NamesAFieldWithoutAName) {
  const auto booking = parse(with(R"("":1)"));
  ASSERT_FALSE(booking);
  EXPECT_EQ(booking.error().detail, R"("" is not known here.)");
}

TEST(BookingJson, NeverShowsAValue) {
  const auto booking = parse(R"({"insuredId":"SECRET","scheduleId":"SECRET","countryISO":"SECRET",
                                 "date":"SECRET","other":"SECRET"})");
  ASSERT_FALSE(booking);
  EXPECT_THAT(render(booking.error(), "r", kNow), Not(HasSubstr("SECRET")));
  const auto malformed = parse(R"({"insuredId":"SECRET" SECRET)");
  ASSERT_FALSE(malformed);
  EXPECT_THAT(render(malformed.error(), "r", kNow), Not(HasSubstr("SECRET")));
}

// A poor man's fuzzer, from a fixed seed: whatever comes in, there is an answer, and it is JSON.
TEST(BookingJson, AnswersEveryMutation) {
  const std::string seed =
      R"({"insuredId":"00001","scheduleId":100,"countryISO":"PE","centerId":4,"specialtyId":3,)"
      R"("medicId":7,"date":"2030-09-30T12:30:00-05:00","a":[{"b":[1e5,null,"\u00e9"]}]})";
  constexpr std::string_view kPieces = "{}[]\",:\\u0019eE+-.ntf \xff\xc3\xed";
  std::mt19937 random(20300101);  // NOLINT(cert-msc51-cpp): the same in every run
  const auto below = [&](std::size_t bound) { return random() % bound; };
  for (int round = 0; round < 50'000; ++round) {
    std::string body = seed;
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(body.size());
      if (below(3) == 0) {
        body.erase(at, 1 + below(8));
      } else if (below(2) == 0) {
        body.insert(at, 1, kPieces[below(kPieces.size())]);
      } else {
        body[at] = kPieces[below(kPieces.size())];
      }
      if (body.empty()) body.assign(1, '{');
    }
    const auto booking = parse(body);
    if (booking) continue;
    const ProblemType& type = type_of(booking.error().code);
    ASSERT_EQ(type.status, 400) << body;
    ASSERT_FALSE(render(booking.error(), "r", kNow).empty());
  }
}

TEST(CancellationJson, TakesAReasonOfTheListOrNone) {
  EXPECT_EQ(parse_cancellation("")->has_value(), false);
  EXPECT_EQ(parse_cancellation("{}")->has_value(), false);
  for (const char* reason : {"insured_request", "medic_unavailable", "center_closed",
                             "schedule_changed", "duplicate", "other"}) {
    const auto read = parse_cancellation("{\"reason\":\"" + std::string{reason} + "\"}");
    ASSERT_TRUE(read);
    EXPECT_EQ((*read)->text(), reason);
  }
}

TEST(CancellationJson, RefusesEverythingElse) {
  for (const char* body :
       {R"({"reason":"because"})", R"({"reason":null})", R"({"reason":1})", R"({"note":"x"})", "[]",
        "{", R"({"reason":"other","reason":"other"})", " "}) {
    const auto read = parse_cancellation(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(type_of(read.error().code).status, 400);
  }
}

}  // namespace
}  // namespace citas::api

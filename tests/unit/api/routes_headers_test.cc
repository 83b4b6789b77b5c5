// The parts that read paths and headers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "api/negotiation.h"
#include "api/origin.h"
#include "api/parameters.h"
#include "api/request_context.h"
#include "api/router.h"
#include "events/base/traceparent.h"

namespace citas::api {
namespace {

Reply nothing(const Call&) { return http::Response{}; }

Router example_router() {
  using http::Pool;
  return Router({{"POST", "/a", Pool::kInline, nothing},
                 {"GET", "/a/{x}", Pool::kReader, nothing},
                 {"GET", "/events/head", Pool::kReader, nothing},
                 {"GET", "/events/{position}", Pool::kReader, nothing},
                 {"GET", "/a/{x}/b/{y}", Pool::kReader, nothing},
                 {"POST", "/a/{x}/b/{y}", Pool::kWriter, nothing}});
}

TEST(Router, FindsTheMostSpecificPatternAndItsParameters) {
  const Router router = example_router();
  EXPECT_EQ(router.match("GET", "/events/head").label, "/events/head");
  EXPECT_EQ(router.match("GET", "/events/7").parameters[0], "7");
  const auto match = router.match("POST", "/a/1/b/2");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->pool, http::Pool::kWriter);
  EXPECT_EQ(match.parameters[0], "1");
  EXPECT_EQ(match.parameters[1], "2");
}

TEST(Router, ServesHeadWhereverGet) {
  const Router router = example_router();
  EXPECT_NE(router.match("HEAD", "/a/1").route, nullptr);
  EXPECT_EQ(router.match("HEAD", "/a").route, nullptr);
}

TEST(Router, ServesTheVersionedBaseToo) {
  const Router router = example_router();
  const auto match = router.match("GET", "/api/v1/a/1");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.base, "/api/v1");
  EXPECT_EQ(match.label, "/a/{x}");
  EXPECT_EQ(router.match("GET", "/api/v10/a/1").route, nullptr);
  EXPECT_EQ(router.match("GET", "/api/v1/api/v1/a/1").route, nullptr);
}

TEST(Router, TellsAWrongMethodFromAWrongPath) {
  const Router router = example_router();
  EXPECT_EQ(router.match("DELETE", "/a").allow, "POST");
  EXPECT_EQ(router.match("DELETE", "/a/1/b/2").allow, "GET, HEAD, POST");
  EXPECT_EQ(router.match("POST", "/events/head").allow, "GET, HEAD");
  for (const char* path : {"", "/", "/a/", "/a//b/2", "/a/1/", "/a/1/b/2/3", "a", "//a", "/A/1",
                           "/api/v1", "/api/v1/", "/events/{position}/x"}) {
    const auto match = router.match("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_TRUE(match.allow.empty()) << path;
    EXPECT_TRUE(match.label.empty()) << path;
  }
}

TEST(Negotiation, KnowsJsonContentTypes) {
  for (const char* type : {"application/json", "Application/JSON", "application/json;charset=utf-8",
                           "application/json ; Charset=\"UTF-8\" "}) {
    EXPECT_TRUE(is_json_content_type(type)) << type;
  }
  for (const char* type : {"", "text/json", "application/jsonx", "application/json;charset=latin1",
                           "application/problem+json", "application/json;v=1", "*/*",
                           "application/json, application/json"}) {
    EXPECT_FALSE(is_json_content_type(type)) << type;
  }
}

TEST(Negotiation, ChoosesWhatTheClientLikesBest) {
  constexpr std::array<std::string_view, 2> kOffered{"application/json", "application/x-ndjson"};
  const auto chosen = [&](std::string_view accept) {
    return std::string{negotiate(accept, kOffered).value_or("nothing")};
  };
  EXPECT_EQ(chosen(""), "application/json");
  EXPECT_EQ(chosen("*/*"), "application/json");
  EXPECT_EQ(chosen("application/*"), "application/json");
  EXPECT_EQ(chosen("APPLICATION/X-NDJSON"), "application/x-ndjson");
  EXPECT_EQ(chosen("application/json;q=0.5, application/x-ndjson"), "application/x-ndjson");
  EXPECT_EQ(chosen("*/*, application/json;q=0"), "application/x-ndjson");
  EXPECT_EQ(chosen("text/html, */*;q=0.1"), "application/json");
  EXPECT_EQ(chosen("text/html"), "nothing");
  EXPECT_EQ(chosen("application/json;q=0.000"), "nothing");
  EXPECT_EQ(chosen("app*/json, *, json"), "nothing");
}

TEST(Negotiation, ReadsPreferences) {
  EXPECT_TRUE(prefers_async("respond-async"));
  EXPECT_TRUE(prefers_async("wait=10, Respond-Async; foo=bar"));
  EXPECT_FALSE(prefers_async(""));
  EXPECT_FALSE(prefers_async("return=minimal, respond-asynchronously"));
}

TEST(Negotiation, ComparesEntityTagsWeakly) {
  EXPECT_TRUE(matches_entity_tag("*", "\"7\""));
  EXPECT_TRUE(matches_entity_tag("\"6\", W/\"7\"", "\"7\""));
  EXPECT_FALSE(matches_entity_tag("\"6\"", "\"7\""));
  EXPECT_FALSE(matches_entity_tag("7", "\"7\""));
  EXPECT_FALSE(matches_entity_tag("\"77\"", "\"7\""));
}

TEST(RequestContext, KeepsAValidRequestIdAndReplacesOthers) {
  ManualClock clock{Timestamp{}};
  SeededIdSource ids(clock, 1);
  EXPECT_EQ(read_context({{"request-id", "Abc_1.2-3"}}, ids).request_id, "Abc_1.2-3");
  for (const std::string& sent :
       {std::string{}, std::string{"a b"}, std::string{"a\r\nSet-Cookie: x"}, std::string(129, 'a'),
        std::string{"é"}, std::string{"a\"b"}}) {
    const auto id = read_context({{"Request-Id", sent}}, ids).request_id;
    EXPECT_TRUE(Uuid::parse(id)) << sent;
  }
  EXPECT_TRUE(is_request_id(std::string(128, 'a')));
}

TEST(RequestContext, CarriesAValidTraceparentAndReplacesOthers) {
  constexpr std::string_view kValid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ManualClock clock{Timestamp{}};
  SeededIdSource ids(clock, 1);
  EXPECT_EQ(read_context({}, ids).traceparent, "");
  EXPECT_EQ(read_context({{"traceparent", std::string{kValid}}}, ids).traceparent, kValid);

  for (const char* sent : {"", "x", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    const auto replaced = read_context({{"traceparent", sent}}, ids).traceparent;
    EXPECT_NE(replaced, sent);
    EXPECT_EQ(accepted_traceparent(replaced), replaced) << sent;
  }
  const auto twice = read_context(
      {{"traceparent", std::string{kValid}}, {"traceparent", std::string{kValid}}}, ids);
  EXPECT_NE(twice.traceparent, kValid);
}

TEST(Origin, IsForeignWhereABrowserSaysSo) {
  for (const char* site : {"cross-site", "same-site", "Same-Origin", "none, cross-site", "?"}) {
    EXPECT_TRUE(is_cross_origin({{"Sec-Fetch-Site", site}})) << site;
  }
  for (const char* origin : {"http://evil.example", "http://localhost", "http://localhost:8081",
                             "null", "localhost:8080", "http://localhost:8080, http://evil.example",
                             "http://evil.example/://localhost:8080", ""}) {
    EXPECT_TRUE(is_cross_origin({{"Host", "localhost:8080"}, {"Origin", origin}})) << origin;
  }
  EXPECT_TRUE(is_cross_origin({{"Origin", "http://localhost:8080"}})) << "no Host";
}

TEST(Origin, IsOursForProgramsAndForPagesOfThisHost) {
  EXPECT_FALSE(is_cross_origin({}));
  EXPECT_FALSE(is_cross_origin({{"Host", "localhost:8080"}, {"Sec-Fetch-Mode", "cors"}}));
  for (const char* site : {"same-origin", "none"}) {
    EXPECT_FALSE(is_cross_origin({{"Sec-Fetch-Site", site}})) << site;
  }
  for (const char* origin : {"http://localhost:8080", "https://LOCALHOST:8080"}) {
    EXPECT_FALSE(is_cross_origin({{"Host", "localhost:8080"}, {"Origin", origin}})) << origin;
  }
  // What a proxy made of Host does not matter where the browser itself has compared.
  EXPECT_FALSE(is_cross_origin({{"Host", "127.0.0.1:1"},
                                {"Origin", "https://citas.example"},
                                {"Sec-Fetch-Site", "same-origin"}}));
}

std::string key_of(std::string value) {
  std::vector<FieldError> errors;
  const auto key = read_idempotency_key({{"Idempotency-Key", std::move(value)}}, errors);
  EXPECT_NE(key.has_value(), !errors.empty());
  return key.value_or("<invalid>");
}

TEST(IdempotencyKey, IsTheSameBareAndQuoted) {
  EXPECT_EQ(key_of("abc-1"), "abc-1");
  EXPECT_EQ(key_of("\"abc-1\""), "abc-1");
  EXPECT_EQ(key_of(R"("a\"b\\c")"), R"(a"b\c)");
  EXPECT_EQ(key_of(std::string(255, 'k')), std::string(255, 'k'));
  std::vector<FieldError> errors;
  EXPECT_EQ(read_idempotency_key({}, errors), std::nullopt);
  EXPECT_TRUE(errors.empty());
}

TEST(IdempotencyKey, IsRefusedWhenInvalid) {
  for (const std::string& value :
       {std::string{}, std::string{"\"\""}, std::string(256, 'k'), std::string{"a b"},
        std::string{"\"a"}, std::string{"\"a\"b\""}, std::string{"\"a\";x=1"}, std::string{"é"},
        std::string{"\"a\\\""}, std::string{"\"a\\n\""}, std::string{"a\tb"}}) {
    EXPECT_EQ(key_of(value), "<invalid>") << value;
  }
  std::vector<FieldError> errors;
  read_idempotency_key({{"Idempotency-Key", "a"}, {"Idempotency-Key", "a"}}, errors);
  EXPECT_EQ(errors.size(), 1U);
}

}  // namespace
}  // namespace citas::api

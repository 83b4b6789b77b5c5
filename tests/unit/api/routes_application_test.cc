#include "api/application.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/routes_kit.h"

namespace citas::api {
namespace {

using nlohmann::json;

constexpr std::string_view kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const std::vector<std::string> kReads{
    "/appointments/00001", "/events",   "/events/head", "/livez", "/readyz", "/metrics",
    "/openapi.json",       "/problems", "/projections"};

TEST(Application, ServesEveryReadUnderBothBasesAndToHead) {
  Api api;
  for (const std::string& path : kReads) {
    const auto plain = api.get(path);
    EXPECT_EQ(plain.status, 200) << path;
    EXPECT_EQ(api.get("/api/v1" + path).body, plain.body) << path;
    const auto head = api.call(request("HEAD", path));
    EXPECT_EQ(head.status, 200) << path;
    EXPECT_EQ(header(head, "Content-Type"), header(plain, "Content-Type"));
  }
}

TEST(Application, RefusesUnknownParametersEverywhere) {
  Api api;
  for (const std::string& path : kReads) {
    const auto refused = api.get(path + "?nobody=1&nobody=2");
    expect_problem(refused, 400, "validation_failed");
    EXPECT_EQ(json_of(refused)["errors"].size(), 1U);
    EXPECT_EQ(json_of(refused)["errors"][0]["field"], "nobody");
  }
}

TEST(Application, TakesNoCommandFromPagesOfOtherSites) {
  Api api;
  const http::Headers foreign{{"Content-Type", "application/json"},
                              {"Sec-Fetch-Site", "cross-site"}};
  for (const char* path :
       {"/appointments", "/appointments/00001/x/cancellation", "/dead-letters/x/discard",
        "/projections/pending_appointments/rebuild"}) {
    expect_problem(api.call(request("POST", path, foreign)), 403, "cross_origin");
  }
  EXPECT_EQ(api.get("/appointments/00001", foreign).status, 200);
  EXPECT_EQ(api.log.committed(), Position{0});
}

TEST(Application, TellsWrongPathsFromWrongMethods) {
  Api api;
  for (const char* path :
       {"/", "/appointment", "/appointments/", "/events/1/2", "/api/v2/events"}) {
    expect_problem(api.get(path), 404, "not_found");
  }
  const auto refused = api.call(request("DELETE", "/appointments/00001"));
  expect_problem(refused, 405, "method_not_allowed");
  EXPECT_EQ(header(refused, "Allow"), "GET, HEAD");
  EXPECT_EQ(header(api.get("/appointments"), "Allow"), "POST");
}

TEST(Application, GivesEveryResponseAnIdAndProtectsIt) {
  Api api;
  for (const char* path : {"/livez", "/nothing", "/appointments/1"}) {
    const auto response = api.get(path, {{"Request-Id", "mine-1"}});
    EXPECT_EQ(header(response, "Request-Id"), "mine-1");
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(response, "Cache-Control"), "no-store");
    EXPECT_EQ(header(response, "traceparent"), "");
  }
  const auto injected = api.get("/livez", {{"Request-Id", "a\r\nSet-Cookie: b"}});
  EXPECT_TRUE(Uuid::parse(header(injected, "Request-Id")));
}

TEST(Application, SaysInItsOwnWordsWhyTheServerRefused) {
  Api api;
  auto half = request("POST", "/appointments",
                      {{"Request-Id", "mine-2"}, {"traceparent", std::string{kTraceparent}}});
  auto refused = api.application().refuse({413, "body_too_large", "the body is too large"}, half);
  expect_problem(refused, 413, "payload_too_large");
  EXPECT_EQ(header(refused, "Request-Id"), "mine-2");
  EXPECT_EQ(header(refused, "traceparent"), kTraceparent);
  EXPECT_EQ(refused.route, "/appointments");
  refused = api.application().refuse({400, "malformed_request", "no"}, http::Request{});
  expect_problem(refused, 400, "malformed_request");
  EXPECT_EQ(refused.route, "unmatched");
  expect_problem(api.application().refuse({503, "overloaded", "busy"}, half), 503,
                 "service_unavailable");
}

TEST(Application, IsObservedWithoutPersonalData) {
  Api api;
  const auto created =
      api.post("/appointments", booking("00001", 100),
               {{"Request-Id", "r-1"}, {"traceparent", std::string{kTraceparent}}});
  api.get("/appointments/00001");
  api.get("/some/00001");
  api.call(request("BREW", "/appointments/00001"));
  ASSERT_EQ(api.observed.size(), 4U);
  const Observed& booked = api.observed[0];
  EXPECT_EQ(booked.method, "POST");
  EXPECT_EQ(booked.route, "/appointments");
  EXPECT_EQ(booked.status, 201);
  EXPECT_EQ(booked.request_id, "r-1");
  EXPECT_EQ(booked.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(booked.position, "1");
  EXPECT_EQ(api.observed[1].route, "/appointments/{insuredId}");
  EXPECT_EQ(api.observed[2].route, "unmatched");
  EXPECT_EQ(api.observed[3].method, "other");
  EXPECT_EQ(api.observed[3].status, 405);
}

TEST(Application, ClassifiesByWhetherARouteBlocks) {
  Api api;
  const Application& application = api.application();
  const auto pool = [&](std::string method, std::string path, std::vector<http::Field> query = {}) {
    http::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.query = std::move(query);
    return application.classify(request);
  };
  EXPECT_EQ(pool("POST", "/appointments"), http::Pool::kInline);
  EXPECT_EQ(pool("GET", "/appointments/00001"), http::Pool::kInline);
  EXPECT_EQ(pool("GET", "/appointments/00001", {{"asOf", "7"}}), http::Pool::kReader);
  EXPECT_EQ(pool("GET", "/events"), http::Pool::kReader);
  EXPECT_EQ(pool("POST", "/api/v1/appointments/00001/x/cancellation"), http::Pool::kWriter);
  EXPECT_EQ(pool("GET", "/livez"), http::Pool::kInline);
  EXPECT_EQ(pool("GET", "/nothing"), http::Pool::kInline);
}

TEST(Application, ParsesLargeBodiesWhereNobodyElseWaits) {
  Api api;
  auto booked = request("POST", "/appointments", {}, booking("00001", 1));
  EXPECT_EQ(api.application().classify(booked), http::Pool::kInline);
  booked.body.resize(100'000, ' ');
  EXPECT_EQ(api.application().classify(booked), http::Pool::kReader);
}

}  // namespace
}  // namespace citas::api

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "api/problems.h"
#include "tests/unit/api/routes_kit.h"

namespace citas::api {
namespace {

using nlohmann::json;

TEST(Liveness, IsAlwaysOk) {
  Api api;
  api.health.said = {{"log", Health::kUnavailable, "broken"}};
  EXPECT_EQ(api.get("/livez").body, R"({"status":"ok"})");
}

TEST(Readiness, IsTheWorstOfItsParts) {
  Api api;
  EXPECT_EQ(api.get("/readyz").body, R"({"status":"ok"})");
  api.health.said.push_back({"bus", Health::kDegraded, "not connected"});
  const auto degraded = api.get("/readyz?verbose");
  EXPECT_EQ(degraded.status, 200);
  EXPECT_EQ(json_of(degraded), json::parse(R"({"status":"degraded","parts":[
      {"name":"log","status":"ok","reason":"ends at position 7"},
      {"name":"bus","status":"degraded","reason":"not connected"}]})"));
  api.health.said.push_back({"projections", Health::kUnavailable, "being built"});
  const auto unavailable = api.get("/readyz?verbose=false");
  EXPECT_EQ(unavailable.status, 503);
  EXPECT_EQ(unavailable.body, R"({"status":"unavailable"})");
  EXPECT_NE(header(unavailable, "Retry-After"), "");
  expect_problem(api.get("/readyz?verbose=maybe"), 400, "validation_failed");
}

TEST(Metrics, AreText) {
  Api api;
  const auto response =
      api.get("/metrics", {{"Accept", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}});
  EXPECT_EQ(response.body, "citas_up 1\n");
  EXPECT_EQ(header(response, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  expect_problem(api.get("/metrics", {{"Accept", "application/json"}}), 406, "not_acceptable");
}

TEST(Projections, AreListedWithTheirRebuild) {
  Api api;
  json list = json_of(api.get("/projections"))["projections"];
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["name"], "appointments_by_insured");
  EXPECT_TRUE(list[0]["rebuild"].is_null());

  const auto started = api.post("/projections/appointments_by_insured/rebuild", "");
  EXPECT_EQ(started.status, 202);
  EXPECT_EQ(header(started, "Citas-Position"), "0");
  const json rebuild = json_of(started)["rebuild"];
  EXPECT_EQ(rebuild["state"], "running");
  EXPECT_EQ(rebuild["percent"], 25.0);
  EXPECT_EQ(rebuild["position"], "1");
  EXPECT_EQ(rebuild["target"], "4");

  expect_problem(api.post("/projections/appointments_by_insured/rebuild", "{}"), 409,
                 "rebuild_running");
  expect_problem(api.post("/projections/nothing/rebuild", ""), 404, "projection_not_found");
  expect_problem(api.post("/projections/nothing/rebuild", R"({"force":true})"), 400,
                 "validation_failed");
  expect_problem(api.get("/projections/nothing/rebuild"), 405, "method_not_allowed");
}

TEST(Projections, WaitForMinPosition) {
  Api api;
  const auto outcome = api.handle(request("GET", "/projections?minPosition=1"));
  ASSERT_TRUE(std::holds_alternative<http::Park>(outcome));
  EXPECT_EQ(std::get<http::Park>(outcome).feed, number_of(Feed::kLog));
  api.post("/appointments", booking("00001", 100));
  EXPECT_EQ(header(api.get("/projections?minPosition=1"), "Citas-Position"), "1");
  expect_problem(api.get("/projections?minPosition=x&asOf=1"), 400, "validation_failed");
}

TEST(Documentation, IsServed) {
  Api api;
  EXPECT_EQ(json_of(api.get("/openapi.json"))["openapi"], "3.1.0");
  EXPECT_EQ(json_of(api.get("/problems"))["problems"].size(), problem_catalogue().size());
  EXPECT_EQ(json_of(api.get("/problems/slot_taken"))["status"], 409);
  expect_problem(api.get("/problems/nothing"), 404, "problem_not_found");
}

TEST(Documentation, IsKeptByClientsUntilItChanges) {
  Api api;
  std::set<std::string> tags;
  for (const char* path : {"/openapi.json", "/problems", "/problems/slot_taken"}) {
    const auto sent = api.get(path);
    EXPECT_EQ(header(sent, "Cache-Control"), "no-cache") << path;
    const auto again = api.get(path, {{"If-None-Match", header(sent, "ETag")}});
    EXPECT_EQ(again.status, 304) << path;
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(header(again, "Content-Type"), "") << "of nothing";
    tags.insert(header(sent, "ETag"));
  }
  EXPECT_EQ(tags.size(), 3U) << "each has its own";
}

}  // namespace
}  // namespace citas::api

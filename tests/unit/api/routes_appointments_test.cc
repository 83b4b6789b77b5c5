#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "events/base/sha256.h"
#include "tests/unit/api/routes_kit.h"

namespace citas::api {
namespace {

using nlohmann::json;

constexpr std::string_view kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string path_of(const http::Response& created) { return header(created, "Location"); }

TEST(RequestingAnAppointment, AnswersWithTheAppointment) {
  Api api;
  const auto created = api.post(
      "/appointments", booking("00001", 100, R"(,"medicId":7,"date":"2030-09-30T12:30:00-05:00")"));
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(header(created, "Content-Type"), "application/json");
  EXPECT_EQ(header(created, "Citas-Position"), "1");
  EXPECT_EQ(header(created, "Idempotent-Replayed"), "");
  EXPECT_EQ(header(created, "Cache-Control"), "no-store");
  json body = json_of(created);
  const std::string id = body["appointmentId"];
  EXPECT_EQ(path_of(created), "/appointments/00001/" + id);
  EXPECT_EQ(body["createdAt"], "2030-01-01T00:00:00.000Z");
  for (const char* member : {"appointmentId", "createdAt", "updatedAt", "message"}) {
    EXPECT_EQ(body.erase(member), 1U) << member;
  }
  EXPECT_EQ(body, json::parse(R"({"insuredId":"00001","scheduleId":100,"countryISO":"PE",
      "medicId":7,"date":"2030-09-30T17:30:00.000Z","status":"pending","lifecycle":"requested"})"));
}

TEST(RequestingAnAppointment, KeepsTheVersionedBase) {
  Api api;
  const auto created = api.post("/api/v1/appointments", booking("00001", 100));
  ASSERT_EQ(created.status, 201);
  EXPECT_THAT(path_of(created), testing::StartsWith("/api/v1/appointments/00001/"));
  EXPECT_EQ(api.get(path_of(created)).status, 200);
}

TEST(RequestingAnAppointment, Answers202ToThoseWhoPreferNotToWait) {
  Api api;
  const auto created =
      api.post("/appointments", booking("00001", 100), {{"Prefer", "respond-async"}});
  EXPECT_EQ(created.status, 202);
  EXPECT_EQ(header(created, "Preference-Applied"), "respond-async");
  EXPECT_EQ(json_of(created)["status"], "pending");
}

TEST(RequestingAnAppointment, ReplaysTheOutcomeOfAKey) {
  Api api;
  const http::Headers key{{"Idempotency-Key", "\"k-1\""}};
  const auto first = api.post("/appointments", booking("00001", 100), key);
  ASSERT_EQ(first.status, 201);
  // Held by nobody any more, and yet the first outcome.
  ASSERT_EQ(api.post(path_of(first) + "/cancellation", "").status, 200);
  const auto again = api.post("/appointments", booking("00001", 100), {{"Idempotency-Key", "k-1"}});
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(header(again, "Idempotent-Replayed"), "true");
  EXPECT_EQ(header(again, "Citas-Position"), header(first, "Citas-Position"));

  expect_problem(api.post("/appointments", booking("00001", 101), key), 422,
                 "idempotency_key_reused");
}

// Keys are looked up for ever: what they are stored under stays as it is written here.
TEST(IdempotencyKeys, AreStoredUnderWhatLaterVersionsLookFor) {
  Api api;
  const http::Headers key{{"Idempotency-Key", "k"}};
  const auto is_stored = [&](std::string scope) {
    scope = "default|anonymous|POST /" + scope + "|k";
    std::ranges::replace(scope, '|', '\0');
    return api.log.command_result(sha256({scope})).value().has_value();
  };
  const auto first = api.post("/appointments", booking("00001", 100), key);
  EXPECT_TRUE(is_stored("appointments|"));
  const std::string appointment = json_of(first)["appointmentId"];
  ASSERT_EQ(api.post(path_of(first) + "/cancellation", "", key).status, 200);
  EXPECT_TRUE(is_stored("appointments/{insuredId}/{appointmentId}/cancellation|" + appointment));
  const auto second = api.post("/api/v1/appointments", booking("00001", 101));
  const std::string letter = api.die(json_of(second)["appointmentId"].get<std::string>());
  ASSERT_EQ(api.post("/dead-letters/" + letter + "/retry", "", key).status, 200);
  EXPECT_TRUE(is_stored("dead-letters/{deadLetterId}/retry|" + letter));
  const std::string discard = "/dead-letters/" + letter + "/discard";
  ASSERT_EQ(api.post(discard, R"({"reason":"other"})", key).status, 200);
  EXPECT_TRUE(is_stored("dead-letters/{deadLetterId}/discard|" + letter));
}

TEST(RequestingAnAppointment, LooksUpTheKeyBeforeTheDate) {
  Api api;
  const std::string body = booking("00001", 100, R"(,"date":"2030-01-01T00:00:01Z")");
  const http::Headers key{{"Idempotency-Key", "k"}};
  const auto first = api.post("/appointments", body, key);
  ASSERT_EQ(first.status, 201);
  api.clock.advance(std::chrono::hours{1});
  EXPECT_EQ(api.post("/appointments", body, key).body, first.body);
}

TEST(RequestingAnAppointment, TakesADoubleClickForTheSameRequest) {
  Api api;
  const auto first = api.post("/appointments", booking("00001", 100));
  const auto second = api.post("/appointments", booking("00001", 100));
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(header(second, "Idempotent-Replayed"), "true");
  EXPECT_EQ(api.log.committed(), Position{1});

  const auto other = api.post("/appointments", booking("00001", 100, R"(,"medicId":1)"));
  expect_problem(other, 409, "already_booked", {"00001"});
  EXPECT_EQ(json_of(other)["appointmentId"], json_of(first)["appointmentId"]);
}

TEST(RequestingAnAppointment, SaysNothingOfWhoHoldsASlot) {
  Api api;
  const auto first = api.post("/appointments", booking("00001", 100));
  const std::string id = json_of(first)["appointmentId"];
  expect_problem(api.post("/appointments", booking("00002", 100)), 409, "slot_taken",
                 {"00001", "00002", id});
  EXPECT_EQ(api.post("/appointments", booking("00002", 100, "", "CL")).status, 201);
}

TEST(RequestingAnAppointment, NamesAllThatTimeAndConfigurationRefuse) {
  Api api;
  const auto refused =
      api.post("/appointments", booking("00001", 100, R"(,"date":"2029-12-31T23:59:59Z")", "XX"));
  expect_problem(refused, 400, "validation_failed");
  const json errors = json_of(refused)["errors"];
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0]["code"], "unknown_country");
  EXPECT_EQ(errors[1]["code"], "date_in_past");
}

TEST(RequestingAnAppointment, NamesFaultsOfBodyQueryAndHeadersTogether) {
  Api api;
  const auto refused =
      api.post("/appointments?x=1", R"({"scheduleId":"1"})", {{"Idempotency-Key", "a b"}});
  expect_problem(refused, 400, "validation_failed");
  EXPECT_EQ(json_of(refused)["errors"].size(), 5U) << refused.body;
}

TEST(RequestingAnAppointment, TakesJsonOnly) {
  Api api;
  for (const char* type : {"text/plain", "application/json; charset=latin1", ""}) {
    expect_problem(api.post("/appointments", booking("00001", 100), {{"Content-Type", type}}), 415,
                   "unsupported_media_type");
  }
  expect_problem(api.post("/appointments", booking("00001", 100), {{"Accept", "text/html"}}), 406,
                 "not_acceptable");
  EXPECT_EQ(api.log.committed(), Position{0});
}

TEST(RequestingAnAppointment, CarriesTheTraceIntoTheEvent) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100),
                                {{"traceparent", std::string{kTraceparent}}});
  EXPECT_EQ(header(created, "traceparent"), kTraceparent);
  EXPECT_EQ(json_of(api.get("/events/1"))["traceparent"], kTraceparent);

  api.post("/appointments", booking("00001", 101), {{"traceparent", "garbage"}});
  EXPECT_THAT(json_of(api.get("/events/2"))["traceparent"].get<std::string>(),
              testing::MatchesRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-00"));
  api.post("/appointments", booking("00001", 102));
  EXPECT_FALSE(json_of(api.get("/events/3")).contains("traceparent"));
}

TEST(RequestingAnAppointment, IsUnavailableWhenTheSequencerHasStopped) {
  Api api;
  api.stop_writes();
  expect_problem(api.post("/appointments", booking("00001", 100)), 503, "service_unavailable");
}

TEST(RequestingAnAppointment, IsOfUnknownOutcomeWhenTheDiskFails) {
  Api api;
  api.log.fail_appends();
  expect_problem(api.post("/appointments", booking("00001", 100)), 503, "unknown_outcome");
}

TEST(RequestingAnAppointment, TellsOperatorsAloneWhatFailed) {
  Api api(Api::Sequencing::kStepped);
  api.sequencer.admit_batches([] { return failure(ErrorCode::kCorruption, "/data/7.sst is cut"); });
  auto outcome = api.handle(request("POST", "/appointments", {{"Content-Type", "application/json"}},
                                    booking("00001", 100)));
  Waiter waiter;
  std::get<http::Deferred>(outcome)(waiter.completion());
  api.step();
  const auto response = waiter.wait();
  expect_problem(response, 500, "internal_error", {"7.sst"});
  api.application().on_response({}, response, {});
  EXPECT_EQ(api.observed.back().cause, "/data/7.sst is cut");
}

TEST(RequestingAnAppointment, IsRefusedWhileTheDiskIsNearlyFull) {
  Api api(Api::Sequencing::kStepped);
  api.sequencer.admit_batches([] { return failure(ErrorCode::kStorageFull, "7 B left"); });
  auto outcome = api.handle(request("POST", "/appointments", {{"Content-Type", "application/json"}},
                                    booking("00001", 100)));
  Waiter waiter;
  std::get<http::Deferred>(outcome)(waiter.completion());
  api.step();
  expect_problem(waiter.wait(), 503, "storage_full", {"7 B"});
}

TEST(RequestingAnAppointment, IsAnsweredAtItsDeadlineByNobodyElse) {
  Api api(Api::Sequencing::kStepped);
  auto outcome = api.handle(request("POST", "/appointments", {{"Content-Type", "application/json"}},
                                    booking("00001", 100)));
  Waiter waiter;
  std::get<http::Deferred>(outcome)(waiter.completion());
  api.clock.advance(kWriteTimeout - std::chrono::milliseconds{1});
  api.application().expire_writes();
  EXPECT_FALSE(waiter.is_answered());
  api.clock.advance(std::chrono::milliseconds{1});
  api.application().expire_writes();
  expect_problem(waiter.wait(), 503, "unknown_outcome");
  api.step();  // the real outcome comes too late, and changes nothing
  expect_problem(waiter.wait(), 503, "unknown_outcome");
}

TEST(LookingUpAnAppointment, ShowsItsStateAndEntityTag) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const std::string path = path_of(created);
  const std::string id = json_of(created)["appointmentId"];
  const auto pending = api.get(path);
  EXPECT_EQ(json_of(pending)["status"], "pending");
  EXPECT_EQ(header(pending, "ETag"), "\"1-1.1\"");
  EXPECT_EQ(header(pending, "Citas-Position"), "1");

  const auto unchanged = api.get(path, {{"If-None-Match", "\"1-1.1\""}});
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.body, "");
  EXPECT_EQ(header(unchanged, "ETag"), "\"1-1.1\"");
  EXPECT_EQ(header(unchanged, "Citas-Position"), "1");

  api.confirm(id);
  const auto completed = api.get(path, {{"If-None-Match", "\"1-1.1\""}});
  EXPECT_EQ(completed.status, 200);
  EXPECT_EQ(json_of(completed)["status"], "completed");
  EXPECT_EQ(json_of(completed)["lifecycle"], "booked");
  EXPECT_EQ(header(completed, "ETag"), "\"1-2.1\"");

  EXPECT_EQ(json_of(api.get(path + "?asOf=1"))["status"], "pending");
  EXPECT_EQ(header(api.get(path + "?asOf=1"), "ETag"), "\"1-1.1\"");
  EXPECT_EQ(json_of(api.get(path + "/history"))["events"].size(), 2U);
  EXPECT_EQ(json_of(api.get(path + "/history?asOf=1"))["events"].size(), 1U);
}

TEST(LookingUpAnAppointment, IsHiddenFromOthers) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const std::string id = json_of(created)["appointmentId"];
  for (const char* suffix : {"", "/history", "?asOf=1"}) {
    expect_problem(api.get("/appointments/00002/" + id + suffix), 404, "appointment_not_found",
                   {"00001", "00002", id});
  }
  expect_problem(api.post("/appointments/00002/" + id + "/cancellation", ""), 404,
                 "appointment_not_found");
  expect_problem(api.get("/appointments/00001/01920000-0000-7000-8000-000000000001"), 404,
                 "appointment_not_found");
  expect_problem(api.get("/appointments/00001/01920000-0000-7000-8000-000000000001/history"), 404,
                 "appointment_not_found");
}

TEST(LookingUpAnAppointment, NamesInvalidParameters) {
  Api api;
  const std::string id = "01920000-0000-7000-8000-000000000001";
  const std::vector<std::pair<std::string, std::size_t>> targets{
      {"/appointments/1/" + id, 1},
      {"/appointments/00001/x", 1},
      {"/appointments/abc/def", 2},
      {"/appointments/%30%30%30%30%31/%20", 1},
      {"/appointments/00001/" + id + "?minPosition=x&asOf=-1&colour=SECRET", 3},
      {"/appointments/00001/" + id + "?minPosition=18446744073709551616", 1},
      {"/appointments/00001/" + id + "?asOf=1", 1},  // beyond the log
      {"/appointments/00001/" + id + "?asOf=", 1},
      {"/appointments/00001/" + id + "/history?asOf=1", 1},
      {"/appointments/1/" + id + "/history?limit=1", 2}};
  for (const auto& [target, count] : targets) {
    const auto refused = api.get(target);
    expect_problem(refused, 400, "validation_failed", {"abc", "SECRET", "0000-8000"});
    EXPECT_EQ(json_of(refused)["errors"].size(), count) << target << refused.body;
  }
}

TEST(ListingAppointments, IsEmptyForStrangers) {
  Api api;
  const auto list = api.get("/appointments/00009");
  EXPECT_EQ(json_of(list), json::parse(R"({"insuredId":"00009","appointments":[],"total":0,
      "pagination":{"limit":50,"hasMore":false,"nextCursor":null}})"));
  EXPECT_EQ(header(list, "ETag"), "\"1-0.1\"");
}

TEST(ListingAppointments, PagesThroughAllOfThem) {
  Api api;
  for (int i = 0; i < 5; ++i) api.post("/appointments", booking("00001", 100 + i));
  std::string target = "/appointments/00001?limit=2&order=desc";
  std::vector<int> seen;
  for (std::string cursor; seen.size() < 5;) {
    const json page = json_of(api.get(target + cursor));
    EXPECT_EQ(page["total"], 5);
    for (const json& row : page["appointments"]) seen.push_back(row["scheduleId"]);
    EXPECT_EQ(page["pagination"]["hasMore"], seen.size() < 5);
    if (seen.size() < 5) {
      cursor = "&cursor=" + page["pagination"]["nextCursor"].get<std::string>();
    }
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre(100, 101, 102, 103, 104));
}

TEST(ListingAppointments, Filters) {
  Api api;
  const auto dated =
      api.post("/appointments", booking("00001", 100, R"(,"date":"2030-09-30T12:30:00-05:00")"));
  api.post("/appointments", booking("00001", 101, "", "CL"));
  api.confirm(json_of(dated)["appointmentId"].get<std::string>());
  const auto count = [&](const std::string& query) {
    const json page = json_of(api.get("/appointments/00001?" + query));
    EXPECT_EQ(page["total"], page["appointments"].size()) << query;
    return page["appointments"].size();
  };
  EXPECT_EQ(count(""), 2U);
  EXPECT_EQ(count("status=completed"), 1U);
  EXPECT_EQ(count("lifecycle=requested"), 1U);
  EXPECT_EQ(count("lifecycle=arrived"), 0U);
  EXPECT_EQ(count("countryISO=CL"), 1U);
  EXPECT_EQ(count("countryISO=XX"), 0U);
  EXPECT_EQ(count("from=2030-09-30T17:30:00Z"), 1U);
  EXPECT_EQ(count("to=2030-09-30T17:30:00Z"), 1U);
  EXPECT_EQ(count("from=2030-09-30T19:30:00+02:00"), 1U);    // sent as a space
  EXPECT_EQ(count("from=2030-09-30T19:30:00%2B02:00"), 1U);  // sent properly
  EXPECT_EQ(count("asOf=1"), 1U);
  EXPECT_EQ(count("asOf=0"), 0U);
}

TEST(ListingAppointments, NamesInvalidParameters) {
  Api api;
  api.post("/appointments", booking("00001", 100));
  api.post("/appointments", booking("00001", 101));
  const std::string cursor =
      json_of(api.get("/appointments/00001?limit=1"))["pagination"]["nextCursor"];
  const std::vector<std::string> queries{
      "limit=0",           "limit=101",       "limit=abc",
      "limit=+5",          "limit=5&limit=6", "limit=",
      "status=done",       "lifecycle=x",     "countryISO=pe",
      "order=up",          "from=yesterday",  "to=2030-01-01",
      "cursor=",           "cursor=AAAA",     "limit=1&order=desc&cursor=" + cursor,
      "cursor=x" + cursor, "Limit=5",         "foo=1"};
  for (const std::string& query : queries) {
    const auto refused = api.get("/appointments/00001?" + query);
    expect_problem(refused, 400, "validation_failed");
    EXPECT_EQ(json_of(refused)["errors"].size(), 1U) << query;
  }
}

TEST(ListingAppointments, KeepsThePagesOfOnePastTogether) {
  Api api;
  for (int i = 0; i < 3; ++i) api.post("/appointments", booking("00001", 100 + i));
  const auto cursor_of = [&](const std::string& query) {
    const json page = json_of(api.get("/appointments/00001?limit=1" + query));
    return "&cursor=" + page["pagination"]["nextCursor"].get<std::string>();
  };
  const std::string past = cursor_of("&asOf=2");
  const json second = json_of(api.get("/appointments/00001?limit=1&asOf=2" + past));
  EXPECT_EQ(second["total"], 2);
  EXPECT_EQ(second["appointments"].size(), 1U);
  EXPECT_FALSE(second["pagination"]["hasMore"]);
  for (const std::string& mixed : {past, "&asOf=3" + past, "&asOf=3" + cursor_of("")}) {
    expect_problem(api.get("/appointments/00001?limit=1" + mixed), 400, "validation_failed");
  }
}

TEST(ListingAppointments, WaitsForMinPosition) {
  Api api;
  api.post("/appointments", booking("00001", 100));
  auto waiting = request("GET", "/appointments/00001?minPosition=1");
  const auto outcome = api.handle(waiting);  // the read model has not seen the booking
  ASSERT_TRUE(std::holds_alternative<http::Park>(outcome));
  EXPECT_EQ(std::get<http::Park>(outcome).position, 1U);
  EXPECT_EQ(std::get<http::Park>(outcome).timeout, kReadTimeout);

  waiting.parked_timed_out = true;
  const auto late = std::get<http::Response>(api.handle(waiting));
  expect_problem(late, 503, "position_not_reached");
  EXPECT_EQ(header(late, "Citas-Position"), "0");
  EXPECT_EQ(json_of(late)["position"], "0");

  const auto served = api.call(waiting);
  EXPECT_EQ(json_of(served)["total"], 1);
  EXPECT_EQ(header(served, "Citas-Position"), "1");
}

TEST(ReadingAfterAWrite, WaitsForWhatConcernsItAndNothingElse) {
  Api api;
  api.catch_up();
  const auto created = api.post("/appointments", booking("00001", 100));
  for (const std::string& path : {path_of(created), std::string{"/appointments/00001"}}) {
    auto read = request("GET", path);
    const auto outcome = api.handle(read);
    ASSERT_TRUE(std::holds_alternative<http::Park>(outcome)) << path;
    EXPECT_EQ(std::get<http::Park>(outcome).position, 1U);
    // Too late: then what there is.
    read.parked_timed_out = true;
    EXPECT_LT(std::get<http::Response>(api.handle(read)).status, 500);
  }
  EXPECT_TRUE(
      std::holds_alternative<http::Response>(api.handle(request("GET", "/appointments/00002"))));
  EXPECT_TRUE(std::holds_alternative<http::Response>(
      api.handle(request("GET", path_of(created) + "?asOf=1"))));
  EXPECT_TRUE(std::holds_alternative<http::Response>(
      api.handle(request("GET", path_of(created) + "/history"))));
}

TEST(AppointmentHistory, TellsAllThatHappenedInOrder) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const std::string id = json_of(created)["appointmentId"];
  api.confirm(id);
  api.post(path_of(created) + "/cancellation", R"({"reason":"duplicate"})");
  const auto response = api.get(path_of(created) + "/history");
  const json history = json_of(response);
  EXPECT_EQ(header(response, "Citas-Position"), "3");
  EXPECT_EQ(history["appointmentId"], id);
  ASSERT_EQ(history["events"].size(), 3U);
  const std::vector<std::string> types{"citas.appointment.requested.v1",
                                       "citas.appointment.confirmed.v1",
                                       "citas.appointment.cancelled.v1"};
  for (std::size_t i = 0; i < 3; ++i) {
    const json& event = history["events"][i];
    EXPECT_EQ(event["position"], std::to_string(i + 1));
    EXPECT_EQ(event["type"], types[i]);
    EXPECT_EQ(event["actor"], i == 1 ? "worker:test" : "anonymous");
    EXPECT_TRUE(event["data"].is_object());
    EXPECT_EQ(event.size(), 5U);
  }
}

TEST(CancellingAnAppointment, FreesTheSlotOnce) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const std::string path = path_of(created) + "/cancellation";
  const auto cancelled = api.post(path, R"({"reason":"insured_request"})");
  ASSERT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_EQ(json_of(cancelled)["status"], "cancelled");
  EXPECT_EQ(json_of(cancelled)["reason"], "insured_request");
  EXPECT_EQ(header(cancelled, "Citas-Position"), "2");
  EXPECT_EQ(header(cancelled, "Idempotent-Replayed"), "");

  const auto again = api.post(path, "{}");
  EXPECT_EQ(again.body, cancelled.body);
  EXPECT_EQ(header(again, "Idempotent-Replayed"), "true");
  EXPECT_EQ(header(again, "Citas-Position"), "2");
  EXPECT_EQ(api.log.committed(), Position{2});
  EXPECT_EQ(api.post("/appointments", booking("00002", 100)).status, 201);
}

TEST(CancellingAnAppointment, NeedsNoBodyAndNoContentType) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const auto response = api.call(request("POST", path_of(created) + "/cancellation"));
  EXPECT_EQ(response.status, 200);
}

TEST(CancellingAnAppointment, IsRefusedForWhatTheCountryRefused) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  api.reject(json_of(created)["appointmentId"].get<std::string>(), "no_capacity");
  EXPECT_EQ(json_of(api.get(path_of(created)))["status"], "failed");
  EXPECT_EQ(json_of(api.get(path_of(created)))["reason"], "no_capacity");
  expect_problem(api.post(path_of(created) + "/cancellation", ""), 409, "not_cancellable");
}

TEST(CancellingAnAppointment, KeepsItsKeysApartFromThoseOfBookings) {
  Api api;
  const http::Headers key{{"Idempotency-Key", "k"}};
  const auto created = api.post("/appointments", booking("00001", 100), key);
  const std::string path = path_of(created) + "/cancellation";
  EXPECT_EQ(api.post(path, "{}", key).status, 200);
  EXPECT_EQ(header(api.post(path, "", key), "Idempotent-Replayed"), "true");
  expect_problem(api.post(path, R"({"reason":"other"})", key), 422, "idempotency_key_reused");
}

TEST(CancellingAnAppointment, CanBeTiedToTheVersionSeen) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const std::string path = path_of(created) + "/cancellation";
  const std::string seen = header(api.get(path_of(created)), "ETag");
  api.confirm(json_of(created)["appointmentId"].get<std::string>());
  for (const std::string& stale :
       {seen, std::string{"\"stale\""}, std::string{"W/\"1-2\""}, std::string{"\"1-0\""},
        std::string{"\"2\""}, std::string{"\"2-2\""}, std::string{"\"1-02\""},
        std::string{"\"1-2.\""}, std::string{"\"1-2.01\""}, std::string{"\"1-2.1.1\""},
        std::string{"\"1-\""}, std::string{"\"1-.1\""}}) {
    expect_problem(api.post(path, "", {{"If-Match", stale}}), 412, "precondition_failed");
  }
  for (const char* wrong : {"2", "\"1\", \"2\"", "", "\"", "W/"}) {
    expect_problem(api.post(path, "", {{"If-Match", wrong}}), 400, "validation_failed");
  }
  const std::string fresh = header(api.get(path_of(created)), "ETag");
  const auto cancelled = api.post(path, "", {{"If-Match", fresh}});
  EXPECT_EQ(cancelled.status, 200);
  EXPECT_EQ(api.post(path, "", {{"If-Match", "*"}}).status, 200);
  // Whoever heard no answer asks again, and has no other version than the one from before.
  const auto again = api.post(path, "", {{"If-Match", fresh}});
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, cancelled.body);
  EXPECT_EQ(header(again, "Idempotent-Replayed"), "true");
}

// A later program may show the same events otherwise; the appointment is the same for it.
TEST(AnotherVersionOfTheReadModel, CountsAsAChangeOfWhatIsShownButNotOfTheAppointment) {
  Api api;
  const auto created = api.post("/appointments", booking("00001", 100));
  const std::string path = path_of(created);
  for (const std::string& target : {path, std::string{"/appointments/00001"}}) {
    const std::string seen = header(api.get(target), "ETag");
    EXPECT_EQ(seen, "\"1-1.1\"") << target;
    EXPECT_EQ(api.get(target, {{"If-None-Match", seen}}).status, 304) << target;
    EXPECT_EQ(api.get(target, {{"If-None-Match", "\"1-1.2\""}}).status, 200) << target;
  }
  const std::string cancellation = path + "/cancellation";
  EXPECT_EQ(api.post(cancellation, "", {{"If-Match", "\"1-1.2\""}}).status, 200);
}

// A log that was restored to its past has an epoch of its own, and gives the positions that
// followed to other events.
TEST(ARestoredLog, DoesNotTakeWhatWasReadBeforeForItsOwn) {
  Api before;
  Api after(Api::Sequencing::kThreaded, Epoch{2});
  const auto created = before.post("/appointments", booking("00001", 100));
  ASSERT_EQ(after.post("/appointments", booking("00001", 100)).body, created.body);
  const std::string path = path_of(created);
  for (const std::string& target :
       {path, path + "/history", std::string{"/appointments/00001"}, std::string{"/events/1"},
        std::string{"/events"}, std::string{"/events/head"}, std::string{"/dead-letters"}}) {
    const std::string seen = header(before.get(target), "ETag");
    EXPECT_EQ(before.get(target, {{"If-None-Match", seen}}).status, 304) << target;
    EXPECT_EQ(after.get(target, {{"If-None-Match", seen}}).status, 200) << target;
  }
  const std::string seen = header(before.get(path), "ETag");
  expect_problem(after.post(path + "/cancellation", "", {{"If-Match", seen}}), 412,
                 "precondition_failed");
  EXPECT_EQ(before.post(path + "/cancellation", "", {{"If-Match", seen}}).status, 200);
}

TEST(CancellingAnAppointment, NamesAllFaultsTogether) {
  Api api;
  const auto refused =
      api.post("/appointments/1/x/cancellation?y=1", R"({"reason":"SECRET","z":1})");
  expect_problem(refused, 400, "validation_failed", {"SECRET"});
  EXPECT_EQ(json_of(refused)["errors"].size(), 5U) << refused.body;
}

// Many clients, one slot: exactly one of them gets it.
TEST(RequestingAnAppointment, GivesASlotToOneOfMany) {
  Api api;
  std::vector<Waiter> waiters(200);
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    auto outcome =
        api.handle(request("POST", "/appointments", {{"Content-Type", "application/json"}},
                           booking(std::to_string(10'000 + i), 100)));
    std::get<http::Deferred>(outcome)(waiters[i].completion());
  }
  int created = 0;
  for (Waiter& waiter : waiters) created += waiter.wait().status == 201 ? 1 : 0;
  EXPECT_EQ(created, 1);
  EXPECT_EQ(api.log.committed(), Position{1});
}

}  // namespace
}  // namespace citas::api

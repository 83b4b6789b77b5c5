// The operators' routes to dead letters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/routes_kit.h"

namespace citas::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kReason[] = R"({"reason":"unprocessable"})";

class DeadLetterRoutesTest : public ::testing::Test {
 protected:
  // An appointment whose message died.
  struct Dead {
    std::string appointment, letter;
  };
  Dead dead(int schedule = 1) {
    const json booked = json_of(api_.post("/appointments", booking("00500", schedule)));
    const std::string appointment = booked["appointmentId"];
    return {appointment, api_.die(appointment, "message-" + std::to_string(schedule))};
  }
  http::Response retry(const std::string& letter, http::Headers headers = {}) {
    return api_.post("/dead-letters/" + letter + "/retry", "", std::move(headers));
  }
  http::Response discard(const std::string& letter, const std::string& body = kReason,
                         http::Headers headers = {}) {
    return api_.post("/dead-letters/" + letter + "/discard", body, std::move(headers));
  }
  json appointment(const Dead& dead) {
    return json_of(api_.get("/appointments/00500/" + dead.appointment));
  }
  std::vector<std::string> list(const std::string& query = "") {
    std::vector<std::string> ids;
    const json page = json_of(api_.get("/dead-letters" + query));
    for (const json& letter : page["deadLetters"]) ids.push_back(letter["deadLetterId"]);
    return ids;
  }

  Api api_;
};

TEST_F(DeadLetterRoutesTest, AreListedFilteredAndPaged) {
  EXPECT_EQ(api_.get("/dead-letters").body,
            R"({"deadLetters":[],"total":0,"pagination":{"limit":50,"hasMore":false,)"
            R"("nextCursor":null}})");
  const Dead first = dead(1);
  const Dead second = dead(2);
  const Dead third = dead(3);
  ASSERT_EQ(retry(second.letter).status, 200);
  EXPECT_THAT(list(), ElementsAre(third.letter, second.letter, first.letter));
  EXPECT_THAT(list("?state=open&order=asc"), ElementsAre(first.letter, third.letter));
  EXPECT_THAT(list("?state=retried"), ElementsAre(second.letter));
  const json page = json_of(api_.get("/dead-letters?limit=2"));
  EXPECT_EQ(page["total"], 3);
  const std::string cursor = page["pagination"]["nextCursor"];
  EXPECT_THAT(list("?limit=2&cursor=" + cursor), ElementsAre(first.letter));
  expect_problem(api_.get("/dead-letters?order=asc&cursor=" + cursor), 400, "validation_failed");
  expect_problem(api_.get("/dead-letters?state=open&cursor=" + cursor), 400, "validation_failed");
  expect_problem(api_.get("/dead-letters?state=dead&limit=0&colour=red"), 400, "validation_failed");
}

TEST_F(DeadLetterRoutesTest, AreNotSentAgainWhileNoneHasChanged) {
  EXPECT_EQ(header(api_.get("/dead-letters"), "ETag"), "\"1-0.2\"");
  const Dead first = dead(1);
  const Dead second = dead(2);
  for (const char* target :
       {"/dead-letters", "/dead-letters?state=open&limit=1&order=asc", "/dead-letters?limit=1"}) {
    SCOPED_TRACE(target);
    const auto before = api_.get(target);
    const http::Headers known{{"If-None-Match", header(before, "ETag")}};
    EXPECT_EQ(api_.get(target, known).status, 304);
    api_.post("/appointments", booking("00501", 10));  // no letter's business
    EXPECT_EQ(api_.get(target, known).status, 304);
    // Of a page that begins elsewhere, a letter may change the total.
    dead(static_cast<int>(api_.log.committed().value()) + 10);
    const auto after = api_.get(target, known);
    EXPECT_EQ(after.status, 200);
    EXPECT_NE(after.body, before.body);
  }
  const std::string seen = header(api_.get("/dead-letters"), "ETag");
  ASSERT_EQ(retry(first.letter).status, 200);
  const std::string retried = header(api_.get("/dead-letters"), "ETag");
  EXPECT_NE(retried, seen);
  api_.confirm(second.appointment);
  EXPECT_NE(header(api_.get("/dead-letters"), "ETag"), retried);
}

TEST_F(DeadLetterRoutesTest, OneIsShownWithoutAnybodysData) {
  const Dead one = dead();
  const auto response = api_.get("/dead-letters/" + one.letter);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(json_of(response)["state"], "open");
  EXPECT_EQ(json_of(response)["appointmentId"], one.appointment);
  EXPECT_THAT(response.body, Not(HasSubstr("00500")));
  const std::string tag = header(response, "ETag");
  EXPECT_EQ(api_.get("/dead-letters/" + one.letter, {{"If-None-Match", tag}}).status, 304);
  ASSERT_EQ(retry(one.letter).status, 200);
  EXPECT_EQ(api_.get("/dead-letters/" + one.letter, {{"If-None-Match", tag}}).status, 200);
  expect_problem(api_.get("/dead-letters/00000000-0000-8000-8000-000000000000"), 404,
                 "dead_letter_not_found");
  expect_problem(api_.get("/dead-letters/nonsense"), 400, "validation_failed");
}

TEST_F(DeadLetterRoutesTest, ARetryIsDoneOnceAndLeavesTheAppointmentPending) {
  const Dead one = dead();
  const auto retried = retry(one.letter);
  EXPECT_EQ(retried.status, 200);
  EXPECT_EQ(json_of(retried)["state"], "retried");
  EXPECT_EQ(header(retried, "Citas-Position"), "3");
  EXPECT_EQ(header(retried, "Idempotent-Replayed"), "");
  const auto again = retry(one.letter);
  EXPECT_EQ(again.body, retried.body);
  EXPECT_EQ(header(again, "Idempotent-Replayed"), "true");
  EXPECT_EQ(header(again, "Citas-Position"), "3");
  EXPECT_EQ(appointment(one)["status"], "pending");
  expect_problem(retry("nonsense"), 400, "validation_failed");
  expect_problem(api_.post("/dead-letters/" + one.letter + "/retry", R"({"force":true})"), 400,
                 "validation_failed");
  expect_problem(retry("00000000-0000-8000-8000-000000000000"), 404, "dead_letter_not_found");
}

TEST_F(DeadLetterRoutesTest, ADiscardFailsTheAppointmentAndFreesItsSlot) {
  const Dead one = dead();
  const auto discarded = discard(one.letter);
  EXPECT_EQ(discarded.status, 200);
  EXPECT_EQ(json_of(discarded)["state"], "discarded");
  EXPECT_EQ(json_of(discarded)["discardReason"], "unprocessable");
  EXPECT_EQ(json_of(discarded)["outcome"], "failed");
  EXPECT_EQ(appointment(one)["status"], "failed");
  EXPECT_EQ(appointment(one)["reason"], "not_processed");
  EXPECT_EQ(api_.post("/appointments", booking("00501", 1)).status, 201);
  EXPECT_EQ(discard(one.letter).body, discarded.body);
  EXPECT_EQ(header(discard(one.letter, R"({"reason":"other"})"), "Idempotent-Replayed"), "true");
  expect_problem(retry(one.letter), 409, "dead_letter_discarded");
  const json history =
      json_of(api_.get("/appointments/00500/" + one.appointment + "/history"))["events"];
  ASSERT_EQ(history.size(), 4U);
  EXPECT_EQ(history[3]["type"], "citas.deadletter.discarded.v1");
  EXPECT_EQ(history[3]["actor"], "anonymous");
}

TEST_F(DeadLetterRoutesTest, ADiscardNeedsAReasonOfTheList) {
  const Dead one = dead();
  for (const char* body :
       {"{}", R"({"reason":"because"})", R"({"reason":7})", R"({"reason":"other","note":"x"})"}) {
    expect_problem(discard(one.letter, body), 400, "validation_failed");
  }
  expect_problem(discard(one.letter, ""), 400, "malformed_json");
  expect_problem(discard(one.letter, kReason, {{"Content-Type", "text/plain"}}), 415,
                 "unsupported_media_type");
}

TEST_F(DeadLetterRoutesTest, WhatIsSettledIsNotDecidedOn) {
  const Dead one = dead();
  api_.confirm(one.appointment);
  expect_problem(retry(one.letter), 409, "dead_letter_settled");
  expect_problem(discard(one.letter), 409, "dead_letter_settled");
  EXPECT_THAT(list("?state=settled"), ElementsAre(one.letter));
  EXPECT_EQ(json_of(api_.get("/dead-letters/" + one.letter))["outcome"], "completed");
}

TEST_F(DeadLetterRoutesTest, WhatNamesNoAppointmentCanOnlyBeDiscarded) {
  const std::string letter = api_.die(std::nullopt);
  expect_problem(retry(letter), 409, "dead_letter_not_retryable");
  EXPECT_EQ(discard(letter).status, 200);
}

TEST_F(DeadLetterRoutesTest, KeysAreKept) {
  const Dead one = dead(1);
  const Dead two = dead(2);
  const auto first = retry(one.letter, {{"Idempotency-Key", "k"}});
  api_.confirm(one.appointment);
  const auto repeated = retry(one.letter, {{"Idempotency-Key", "k"}});
  EXPECT_EQ(repeated.status, 200);
  EXPECT_EQ(repeated.body, first.body) << "as it was then";
  EXPECT_EQ(retry(two.letter, {{"Idempotency-Key", "k"}}).status, 200) << "another letter's key";
  ASSERT_EQ(discard(two.letter, kReason, {{"Idempotency-Key", "d"}}).status, 200);
  expect_problem(discard(two.letter, R"({"reason":"other"})", {{"Idempotency-Key", "d"}}), 422,
                 "idempotency_key_reused");
}

TEST_F(DeadLetterRoutesTest, TheirHistoryIsFoundByTheirTag) {
  const Dead one = dead();
  ASSERT_EQ(retry(one.letter).status, 200);
  ASSERT_EQ(discard(one.letter).status, 200);
  std::vector<std::string> types;
  const json page = json_of(api_.get("/events?tag=deadletter:" + one.letter));
  for (const json& event : page["events"]) types.push_back(event["type"]);
  EXPECT_THAT(types, ElementsAre("citas.deadletter.recorded.v1", "citas.deadletter.retried.v1",
                                 "citas.deadletter.discarded.v1"));
}

}  // namespace
}  // namespace citas::api

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "api/event_cursor.h"
#include "api/event_reader.h"
#include "events/base/hex.h"
#include "tests/unit/api/routes_kit.h"

namespace citas::api {
namespace {

using nlohmann::json;

std::string all_pieces(const http::Response& response) {
  std::string whole;
  std::string piece;
  for (auto more = response.stream(piece); more && *more; more = response.stream(piece)) {
    whole += piece;
  }
  return whole;
}

std::vector<int> positions(const json& page) {
  std::vector<int> all;
  for (const json& event : page["events"]) {
    all.push_back(std::stoi(event["position"].get<std::string>()));
  }
  return all;
}

// Five bookings (1-5) of two insureds in turn, the first confirmed (6).
class Events : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 5; ++i) {
      const auto created =
          api.post("/appointments", booking(i % 2 == 0 ? "00500" : "00501", 100 + i));
      ASSERT_EQ(created.status, 201);
      if (i == 0) first_id = json_of(created)["appointmentId"];
    }
    api.confirm(first_id);
  }

  Api api;
  std::string first_id;
};

TEST_F(Events, AreListedFromTheFirst) {
  const auto response = api.get("/events");
  const json page = json_of(response);
  EXPECT_THAT(positions(page), testing::ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(page["pagination"], json::parse(R"({"limit":50,"hasMore":false,"nextCursor":null})"));
  EXPECT_EQ(header(response, "Citas-Position"), "6");
  EXPECT_EQ(header(response, "Vary"), "Accept");
  EXPECT_EQ(page["events"][0]["specversion"], "1.0");
}

TEST_F(Events, AreFiltered) {
  const auto found = [&](const std::string& query) {
    return positions(json_of(api.get("/events?" + query)));
  };
  EXPECT_THAT(found("tag=insured:00501"), testing::ElementsAre(2, 4));
  EXPECT_THAT(found("tag=insured%3A00501"), testing::ElementsAre(2, 4));
  EXPECT_THAT(found("tag=appointment:" + first_id), testing::ElementsAre(1, 6));
  EXPECT_THAT(found("tag=slot:PE:102"), testing::ElementsAre(3));
  EXPECT_THAT(found("type=citas.appointment.confirmed.v1"), testing::ElementsAre(6));
  EXPECT_THAT(found("tag=insured:00500&type=citas.appointment.requested.v1"),
              testing::ElementsAre(1, 3, 5));
  EXPECT_THAT(found("from=2&to=4"), testing::ElementsAre(2, 3, 4));
  EXPECT_THAT(found("tag=insured:00500&from=2&to=5"), testing::ElementsAre(3, 5));
  EXPECT_THAT(found("from=0&to=18446744073709551615").size(), 6);
  EXPECT_THAT(found("from=18446744073709551615"), testing::IsEmpty());
  EXPECT_THAT(found("from=4&to=2"), testing::IsEmpty());
  EXPECT_THAT(found("to=0"), testing::IsEmpty());
}

TEST_F(Events, ArePagedToTheEndAndNoFurther) {
  for (const std::string& filter :
       {std::string{""}, std::string{"&tag=insured:00500"}, std::string{"&from=2&to=5"},
        std::string{"&type=citas.appointment.requested.v1"}}) {
    const auto all = positions(json_of(api.get("/events?limit=100" + filter)));
    std::vector<int> seen;
    std::string cursor;
    do {
      const json page =
          json_of(api.get(std::string{"/events?limit=2"}.append(filter).append(cursor)));
      const auto some = positions(page);
      EXPECT_FALSE(some.empty());
      seen.insert(seen.end(), some.begin(), some.end());
      const json& next = page["pagination"]["nextCursor"];
      EXPECT_EQ(page["pagination"]["hasMore"], next.is_string());
      cursor = next.is_string() ? "&cursor=" + next.get<std::string>() : "";
    } while (!cursor.empty() && seen.size() < 20);
    EXPECT_EQ(seen, all) << filter;
  }
}

TEST_F(Events, RefuseInvalidParameters) {
  const std::string cursor = json_of(api.get("/events?limit=1"))["pagination"]["nextCursor"];
  std::string tampered = cursor;
  tampered[15] = tampered[15] == '3' ? '4' : '3';
  const std::vector<std::string> queries{"tag=insured:1",
                                         "tag=00500",
                                         "tag=",
                                         "type=citas.unknown.v1",
                                         "from=-1",
                                         "from=1.0",
                                         "to=18446744073709551616",
                                         "from=01",
                                         "limit=0",
                                         "limit=101",
                                         "offset=3",
                                         "cursor=zz",
                                         "cursor=" + tampered,
                                         "tag=insured:00500&cursor=" + cursor,
                                         "cursor=" + cursor + "00"};
  for (const std::string& query : queries) {
    expect_problem(api.get("/events?" + query), 400, "validation_failed");
  }
}

TEST_F(Events, AreExportedAsTheyAreStored) {
  const auto response = api.get("/events", {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(header(response, "Content-Type"), "application/x-ndjson");
  EXPECT_EQ(header(response, "Citas-Position"), "6");
  EXPECT_EQ(header(response, "Vary"), "Accept");
  api.post("/appointments", booking("00502", 900));  // after the stream's head: not in it
  std::string expected;
  for (int i = 1; i <= 6; ++i) expected += api.get("/events/" + std::to_string(i)).body + "\n";
  EXPECT_EQ(all_pieces(response), expected);

  const auto some =
      api.get("/events?tag=insured:00501&from=3", {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(all_pieces(some), api.get("/events/4").body + "\n");
  const auto none = api.get("/events?from=9", {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(all_pieces(none), "");
  for (const char* query : {"?limit=5", "?cursor=x", "?x=1"}) {
    expect_problem(api.get(std::string{"/events"} + query, {{"Accept", "application/x-ndjson"}}),
                   400, "validation_failed");
  }
}

TEST_F(Events, AreExportedInSeveralPieces) {
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(api.post("/appointments", booking("00500", 1'000 + i)).status, 201);
  }
  const auto response = api.get("/events", {{"Accept", "application/x-ndjson"}});
  std::string piece;
  ASSERT_TRUE(response.stream(piece).value());
  EXPECT_LT(piece.size(), 80'000U);
  const std::string rest = all_pieces(response);
  EXPECT_EQ(std::ranges::count(piece + rest, '\n'), 406);
}

// Clients see a body without an end; only the operator can be told why.
TEST_F(Events, ThatCannotBeReadBreakAnExportOffWithAReason) {
  api.stop_writes();
  ASSERT_TRUE(api.log.append(
      {.records = {{.bytes = "no event", .time = api.clock.now(), .tags = {}}}, .results = {}}));
  api.log.commit(Position{7});
  const auto response = api.get("/events?type=citas.appointment.confirmed.v1",
                                {{"Accept", "application/x-ndjson"}, {"Request-Id", "mine"}});
  ASSERT_EQ(response.status, 200);
  const std::size_t answers = api.observed.size();
  EXPECT_FALSE(api.observed.back().broke_off);
  std::string piece;
  EXPECT_FALSE(response.stream(piece));
  ASSERT_EQ(api.observed.size(), answers + 1);
  const Observed& end = api.observed.back();
  EXPECT_TRUE(end.broke_off);
  EXPECT_EQ(end.method, "GET");
  EXPECT_EQ(end.route, "/events");
  EXPECT_EQ(end.request_id, "mine");
  EXPECT_NE(end.cause, "");
}

TEST_F(Events, AreExportedInPiecesThatReadOnlySoMuch) {
  constexpr int kMore = 10'001;  // one more than a piece may look at
  for (int i = 0; i < kMore; ++i) {
    ASSERT_EQ(api.post("/appointments", booking("00500", 1'000 + i)).status, 201);
  }
  const auto response = api.get("/events?type=citas.appointment.confirmed.v1&from=7",
                                {{"Accept", "application/x-ndjson"}});
  std::string piece{"before"};
  ASSERT_EQ(response.stream(piece), true) << "there is more to look at";
  EXPECT_EQ(piece, "");
  EXPECT_EQ(all_pieces(response), "");
}

TEST_F(Events, AreFoundByPosition) {
  const auto response = api.get("/events/6");
  EXPECT_EQ(json_of(response)["type"], "citas.appointment.confirmed.v1");
  EXPECT_EQ(header(response, "ETag"), "\"1-6\"");
  EXPECT_EQ(header(response, "Citas-Hash"),
            json_of(api.get("/events/head"))["hash"].get<std::string>());
  EXPECT_EQ(api.get("/events/6", {{"If-None-Match", "W/\"1-6\""}}).status, 304);
  for (const char* position : {"0", "7", "18446744073709551615"}) {
    expect_problem(api.get(std::string{"/events/"} + position), 404, "event_not_found");
  }
  for (const char* position : {"x", "-1", "1.0", "01", "18446744073709551616", "1%20"}) {
    expect_problem(api.get(std::string{"/events/"} + position), 400, "validation_failed");
  }
}

TEST_F(Events, HaveAHead) {
  const Head head = api.log.head();
  EXPECT_EQ(json_of(api.get("/events/head")),
            json({{"logId", api.log.identity().id.value().to_string()},
                  {"epoch", 1},
                  {"position", "6"},
                  {"hash", to_hex(head.hash)}}));
}

// Durable, and not yet committed: as long as its batch has not been answered, nobody sees it.
TEST_F(Events, HaveAHeadThatIsCommitted) {
  const std::string before = api.get("/events/head").body;
  api.stop_writes();
  ASSERT_TRUE(api.log.append(
      {.records = {{.bytes = "{}", .time = api.clock.now(), .tags = {}}}, .results = {}}));
  ASSERT_EQ(api.log.head().position, Position{7});
  EXPECT_EQ(api.get("/events/head").body, before);
}

TEST_F(Events, AreNotSentAgainWhileTheyAreTheSame) {
  const std::vector<std::string> changing{"/events/head", "/events", "/events?tag=insured:00500",
                                          "/events?limit=6", "/events?from=7"};
  const std::vector<std::string> steady{"/events?limit=2", "/events?to=6",
                                        "/events?tag=insured:00501",
                                        "/events?type=citas.appointment.confirmed.v1"};
  std::map<std::string, http::Response> before;
  for (const auto* targets : {&changing, &steady}) {
    for (const std::string& target : *targets) before[target] = api.get(target);
  }
  const auto again = [&](const std::string& target) {
    return api.get(target, {{"If-None-Match", header(before[target], "ETag")}});
  };
  for (const auto& [target, response] : before) EXPECT_EQ(again(target).status, 304) << target;
  api.post("/appointments", booking("00500", 200));
  for (const std::string& target : changing) {
    const auto now = again(target);
    EXPECT_EQ(now.status, 200) << target;
    EXPECT_NE(now.body, before[target].body) << target;
  }
  for (const std::string& target : steady) {
    EXPECT_EQ(api.get(target).body, before[target].body) << target;
    EXPECT_EQ(again(target).status, 304) << target;
  }
}

TEST_F(Events, WaitForMinPosition) {
  for (const char* path : {"/events", "/events/head", "/events/7"}) {
    auto waiting = request("GET", std::string{path} + "?minPosition=7");
    const auto outcome = api.handle(waiting);
    ASSERT_TRUE(std::holds_alternative<http::Park>(outcome)) << path;
    EXPECT_EQ(std::get<http::Park>(outcome).position, 7U);
    EXPECT_EQ(std::get<http::Park>(outcome).feed, number_of(Feed::kLog));
  }
  api.post("/appointments", booking("00500", 200));
  for (const char* path : {"/events", "/events/head", "/events/7"}) {
    EXPECT_EQ(api.get(std::string{path} + "?minPosition=7").status, 200) << path;
  }
}

TEST(EmptyLog, HasTheGenesisForItsHead) {
  Api api;
  const json head = json_of(api.get("/events/head"));
  EXPECT_EQ(head["position"], "0");
  EXPECT_EQ(head["hash"], to_hex(api.log.identity().genesis()));
  EXPECT_EQ(json_of(api.get("/events"))["events"], json::array());
}

TEST_F(Events, AreReadInBoundedSteps) {
  const EventReader reader(api.log, api.codec, kDefaultTenant);
  const EventsFilter filter{.type = "citas.appointment.confirmed.v1"};
  std::vector<std::uint64_t> seen;
  const auto visit = [&](const RecordView& record) {
    seen.push_back(record.position.value());
    return true;
  };
  auto next = reader.read(filter, Position{1}, 4, visit);
  EXPECT_EQ(next, Position{5});
  EXPECT_TRUE(seen.empty());
  next = reader.read(filter, *next, 4, visit);
  EXPECT_EQ(next, Position{7});
  EXPECT_THAT(seen, testing::ElementsAre(6));
}

TEST(EventCursor, ReadsOnlyWhatItMade) {
  const EventsFilter filter{.tag = insured_tag(*InsuredId::parse("00001"))};
  const std::string cursor = make_event_cursor(Epoch{3}, Position{77}, filter);
  EXPECT_EQ(parse_event_cursor(cursor, Epoch{3}, filter), Position{77});
  EXPECT_EQ(parse_event_cursor(cursor, Epoch{3}, {}), std::nullopt);
  EXPECT_EQ(parse_event_cursor(cursor, Epoch{4}, filter), std::nullopt);
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    std::string other = cursor;
    other[i] = other[i] == '0' ? '1' : '0';
    EXPECT_EQ(parse_event_cursor(other, Epoch{3}, filter), std::nullopt) << i;
  }
  EXPECT_EQ(parse_event_cursor("", Epoch{3}, filter), std::nullopt);
}

}  // namespace
}  // namespace citas::api

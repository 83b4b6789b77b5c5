#include "projections/appointments/appointments_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "projections/appointments/cursor.h"
#include "projections/fold.h"
#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

using citas::testing::country;
using citas::testing::insured;
using citas::testing::kNow;
using citas::testing::ReadModel;
using citas::testing::slot;
using nlohmann::json;

class AppointmentsQueryTest : public ::testing::Test {
 protected:
  AppointmentsPage list(std::string_view id, const AppointmentsFilter& filter = {},
                        const AppointmentsPageRequest& page = {}) {
    return query_.list(kDefaultTenant, insured(id), filter, page).value();
  }
  ErrorCode list_error(const AppointmentsFilter& filter, const AppointmentsPageRequest& page,
                       std::string_view id = "00001") {
    return query_.list(kDefaultTenant, insured(id), filter, page).error().code;
  }

  // All pages, one after the other.
  std::vector<json> all(std::string_view id, const AppointmentsFilter& filter, std::size_t limit) {
    std::vector<json> rows;
    std::string cursor;
    while (true) {
      const AppointmentsPage page = list(id, filter, {limit, cursor});
      const json array = json::parse(page.appointments);
      EXPECT_LE(array.size(), limit);
      EXPECT_EQ(page.has_more, !page.next_cursor.empty());
      rows.insert(rows.end(), array.begin(), array.end());
      if (!page.has_more) return rows;
      cursor = page.next_cursor;
    }
  }

  void request_some(int count) {
    for (int i = 0; i < count; ++i) {
      model_.history.request(
          "00001", slot("PE", i + 1),
          {.center = {}, .specialty = {}, .medic = {}, .date = kNow + std::chrono::hours{i}});
    }
    model_.catch_up();
  }

  ReadModel model_;
  AppointmentsQuery query_{model_.appointments(), model_.log, model_.codec};
};

TEST_F(AppointmentsQueryTest, AnInsuredWithoutAppointmentsHasAnEmptyList) {
  model_.history.request("00002", slot("PE", 1));
  model_.catch_up();
  const AppointmentsPage page = list("00001");
  EXPECT_EQ(page.appointments, "[]");
  EXPECT_EQ(page.total, 0u);
  EXPECT_FALSE(page.has_more);
  EXPECT_EQ(page.last_changed, Position{});
  EXPECT_EQ(page.reflected, Position{1});
}

TEST_F(AppointmentsQueryTest, DamageIsToldAndReadsAsUnavailableWhereSomebodyMendsIt) {
  request_some(1);
  LiveProjection& live = model_.engine->live(AppointmentsByInsured::kName);
  const auto store = std::const_pointer_cast<ReadStore>(live.store().value());
  const std::string key = summary_key(kDefaultTenant, insured("00001"));
  const std::vector<Mutation> wrong{{key, "no summary"}};
  ASSERT_TRUE(store->commit(wrong, *store->checkpoint().value()));
  EXPECT_EQ(list_error({}, {}), ErrorCode::kCorruption);
  int told = 0;
  live.on_damage([&](const Error& damage) {
    EXPECT_EQ(damage.code, ErrorCode::kCorruption);
    ++told;
  });
  EXPECT_EQ(list_error({}, {}), ErrorCode::kUnavailable);
  EXPECT_EQ(list_error({.order = Order::kDescending}, {}), ErrorCode::kUnavailable);
  EXPECT_EQ(told, 2);
  EXPECT_EQ(list("00002").total, 0U);
  EXPECT_EQ(told, 2);
}

TEST_F(AppointmentsQueryTest, AListTellsWhatLastChangedIt) {
  const AppointmentRef mine = model_.history.request("00001", slot("PE", 1));
  model_.history.request("00002", slot("PE", 2));
  model_.catch_up();
  EXPECT_EQ(list("00001").last_changed, Position{1});
  EXPECT_EQ(list("00001").reflected, Position{2});
  model_.history.confirm(mine);
  model_.catch_up();
  EXPECT_EQ(list("00001").last_changed, Position{3});
  EXPECT_EQ(list("00002").last_changed, Position{2});
}

TEST_F(AppointmentsQueryTest, SortsByDateOrElseByCreation) {
  model_.history.request(
      "00001", slot("PE", 1),
      {.center = {}, .specialty = {}, .medic = {}, .date = kNow + std::chrono::hours{9'000}});
  model_.history.request("00001", slot("PE", 2));
  model_.history.request(
      "00001", slot("PE", 3),
      {.center = {}, .specialty = {}, .medic = {}, .date = kNow - std::chrono::hours{9'000}});
  model_.catch_up();
  std::vector<int> schedules;
  for (const json& row : all("00001", {}, 100)) schedules.push_back(row["scheduleId"]);
  EXPECT_EQ(schedules, (std::vector{3, 2, 1}));
}

TEST_F(AppointmentsQueryTest, LimitsAreEnforced) {
  EXPECT_EQ(list_error({}, {.limit = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(list_error({}, {.limit = 101}), ErrorCode::kInvalidArgument);
}

TEST_F(AppointmentsQueryTest, ACursorIsGoodForItsOwnQuestionOnly) {
  request_some(5);
  const std::string cursor = list("00001", {}, {.limit = 2}).next_cursor;
  ASSERT_FALSE(cursor.empty());
  EXPECT_THAT(cursor, ::testing::MatchesRegex("[A-Za-z0-9_-]+"));
  EXPECT_EQ(list_error({}, {2, cursor}, "00002"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(list_error({.order = Order::kDescending}, {2, cursor}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(list_error({.country = country("PE")}, {2, cursor}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(list("00001", {}, {.limit = 7, .cursor = cursor}).total, 5u);
}

TEST_F(AppointmentsQueryTest, EachFilterIsPartOfTheQuestion) {
  request_some(5);
  const std::vector<AppointmentsFilter> filters{
      {},
      {.status = RequestStatus::kPending},
      {.lifecycle = Lifecycle::kRequested},
      {.country = country("PE")},
      {.from = kNow},
      {.from = kNow - std::chrono::hours{1}},
      {.to = kNow + std::chrono::hours{9}},
      {.to = kNow + std::chrono::hours{8}},
  };
  for (std::size_t asked = 0; asked < filters.size(); ++asked) {
    const std::string cursor = list("00001", filters[asked], {.limit = 2}).next_cursor;
    for (std::size_t other = 0; other < filters.size(); ++other) {
      const auto page = query_.list(kDefaultTenant, insured("00001"), filters[other],
                                    {.limit = 2, .cursor = cursor});
      EXPECT_EQ(page.has_value(), other == asked) << asked << " " << other;
    }
  }
}

TEST_F(AppointmentsQueryTest, ACursorBelongsToItsTime) {
  request_some(5);
  const auto page_at = [&](std::uint64_t as_of, std::string_view cursor) {
    return query_.list_as_of(Position{as_of}, kDefaultTenant, insured("00001"), {},
                             {.limit = 2, .cursor = cursor});
  };
  const std::string then = page_at(4, "").value().next_cursor;
  EXPECT_TRUE(page_at(4, then));
  EXPECT_EQ(page_at(5, then).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(list_error({}, {2, then}), ErrorCode::kInvalidArgument);
  const std::string now = list("00001", {}, {.limit = 2}).next_cursor;
  EXPECT_EQ(page_at(5, now).error().code, ErrorCode::kInvalidArgument);
}

// Nobody can make one who does not know the log's secret.
TEST(CursorTest, BelongsToItsLog) {
  const SortKey seen{kNow, AppointmentId{}};
  const std::string cursor = make_cursor(seen, "question", "secret");
  EXPECT_EQ(parse_cursor(cursor, "question", "secret"), seen);
  EXPECT_EQ(parse_cursor(cursor, "question", "another").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(AppointmentsQueryTest, ACursorWithAnyCharacterChangedIsRefused) {
  request_some(5);
  const std::string cursor = list("00001", {}, {.limit = 2}).next_cursor;
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    std::string tampered = cursor;
    tampered[i] = tampered[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(list_error({}, {2, tampered}), ErrorCode::kInvalidArgument) << i;
  }
  for (const std::string& other : {std::string("x"), cursor + "A", cursor.substr(1),
                                   std::string(cursor.size(), '='), std::string(5'000, 'A')}) {
    EXPECT_EQ(list_error({}, {2, other}), ErrorCode::kInvalidArgument) << other;
  }
}

TEST_F(AppointmentsQueryTest, PagesNeitherRepeatNorSkipWhatIsBookedMeanwhile) {
  request_some(6);
  for (const Order order : {Order::kAscending, Order::kDescending}) {
    const AppointmentsPage first = list("00001", {.order = order}, {.limit = 3});
    // One before, one on, and one after the cursor's place.
    for (const int hours : {-1, 2, 3, 9}) {
      model_.history.request(
          "00001", slot("CL", 900 + hours),
          {.center = {}, .specialty = {}, .medic = {}, .date = kNow + std::chrono::hours{hours}});
    }
    model_.catch_up();
    std::vector<int> seen;
    std::string cursor = first.next_cursor;
    for (const json& row : json::parse(first.appointments)) seen.push_back(row["scheduleId"]);
    while (!cursor.empty()) {
      const AppointmentsPage page = list("00001", {.order = order}, {3, cursor});
      for (const json& row : json::parse(page.appointments)) seen.push_back(row["scheduleId"]);
      cursor = page.next_cursor;
    }
    std::erase_if(seen, [](int schedule) { return schedule > 6; });
    std::ranges::sort(seen);
    EXPECT_EQ(seen, (std::vector{1, 2, 3, 4, 5, 6}));
  }
}

TEST_F(AppointmentsQueryTest, FindsAnAppointmentOfItsInsuredOnly) {
  const AppointmentRef mine = model_.history.request("00001", slot("PE", 1));
  model_.history.request("00002", slot("PE", 2));
  model_.history.confirm(mine);
  model_.catch_up();
  const auto found = query_.find(kDefaultTenant, mine.insured, mine.appointment).value();
  EXPECT_EQ(json::parse(found.json)["status"], "completed");
  EXPECT_EQ(found.last_changed, Position{3});
  EXPECT_EQ(found.reflected, Position{3});
  const auto code = [&](const TenantId& tenant, std::string_view id, AppointmentId appointment) {
    return query_.find(tenant, insured(id), appointment).error().code;
  };
  EXPECT_EQ(code(kDefaultTenant, "00002", mine.appointment), ErrorCode::kNotFound);
  EXPECT_EQ(code(kDefaultTenant, "00001", AppointmentId{}), ErrorCode::kNotFound);
  EXPECT_EQ(code(TenantId{"other"}, "00001", mine.appointment), ErrorCode::kNotFound);
}

TEST_F(AppointmentsQueryTest, ThePastCannotBeBeyondTheLog) {
  request_some(2);
  EXPECT_EQ(query_.list_as_of(Position{3}, kDefaultTenant, insured("00001"), {}, {}).error().code,
            ErrorCode::kInvalidArgument);
  const auto nothing = query_.list_as_of(Position{}, kDefaultTenant, insured("00001"), {}, {});
  EXPECT_EQ(nothing.value().appointments, "[]");
}

TEST_F(AppointmentsQueryTest, ThePastOfALongHistoryIsNotFolded) {
  for (std::size_t i = 0; i <= kMaxFoldedEvents; ++i) {
    model_.history.request("00001", slot("PE", static_cast<std::int64_t>(i) + 1));
  }
  const auto as_of = [&](std::size_t position) {
    return query_.list_as_of(Position{position}, kDefaultTenant, insured("00001"), {}, {});
  };
  EXPECT_EQ(as_of(kMaxFoldedEvents).value().total, kMaxFoldedEvents);
  EXPECT_EQ(as_of(kMaxFoldedEvents + 1).error().code, ErrorCode::kFailedPrecondition);
}

// --- Properties, on random histories ---

struct Kept {
  json row;
  std::string sort_time;
  bool passes(const AppointmentsFilter& filter) const {
    const auto is = [&](const char* field, auto wanted) { return row[field] == wanted; };
    return (!filter.status || is("status", to_string(*filter.status))) &&
           (!filter.lifecycle || is("lifecycle", to_string(*filter.lifecycle))) &&
           (!filter.country || is("countryISO", filter.country->text())) &&
           (!filter.from || sort_time >= format_rfc3339(*filter.from)) &&
           (!filter.to || sort_time < format_rfc3339(*filter.to));
  }
};

class AppointmentsQueryPropertyTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  AppointmentsQueryPropertyTest() {
    model_.history.random_steps(400);
    model_.catch_up();
  }

  template <typename Value>
  std::optional<Value> maybe(Value value) {
    return model_.history.draw(3) == 0 ? std::optional(value) : std::nullopt;
  }
  AppointmentsFilter random_filter() {
    const auto hours = [&] {
      return std::chrono::hours{static_cast<std::int64_t>(model_.history.draw(5)) - 2};
    };
    return {.status = maybe(static_cast<RequestStatus>(model_.history.draw(4))),
            .lifecycle = maybe(static_cast<Lifecycle>(model_.history.draw(kLifecycles))),
            .country = maybe(country(model_.history.draw(2) ? "PE" : "CL")),
            .from = maybe(kNow + hours()),
            .to = maybe(kNow + hours()),
            .order = model_.history.draw(2) ? Order::kAscending : Order::kDescending};
  }

  ReadModel model_{GetParam()};
  AppointmentsQuery query_{model_.appointments(), model_.log, model_.codec};
};

TEST_P(AppointmentsQueryPropertyTest, PagesAreTheFilteredAndSortedWhole) {
  for (int round = 0; round < 100; ++round) {
    const InsuredId id = insured(model_.history.random_insured());
    const auto whole =
        json::parse(query_.list(kDefaultTenant, id, {}, {.limit = 100}).value().appointments);
    std::vector<Kept> expected;
    const AppointmentsFilter filter = random_filter();
    for (const json& row : whole) {
      Kept kept{row, row.contains("date") ? row["date"] : row["createdAt"]};
      if (kept.passes(filter)) expected.push_back(kept);
    }
    std::ranges::stable_sort(expected, {}, [](const Kept& kept) {
      return std::pair(kept.sort_time, kept.row["appointmentId"].get<std::string>());
    });
    if (filter.order == Order::kDescending) std::ranges::reverse(expected);

    const std::size_t limit = 1 + model_.history.draw(7);
    std::string cursor;
    std::size_t seen = 0;
    do {
      const auto page = query_.list(kDefaultTenant, id, filter, {limit, cursor}).value();
      EXPECT_EQ(page.total, expected.size());
      for (const json& row : json::parse(page.appointments)) {
        ASSERT_LT(seen, expected.size());
        EXPECT_EQ(row, expected[seen++].row);
      }
      EXPECT_EQ(page.has_more, seen < expected.size());
      cursor = page.next_cursor;
    } while (!cursor.empty());
    EXPECT_EQ(seen, expected.size());
  }
}

// What a reader saw when the log ended at a position is what as-of tells for ever.
TEST_P(AppointmentsQueryPropertyTest, ThePastIsWhatWasLiveThen) {
  ReadModel model(GetParam());
  const AppointmentsQuery query(model.appointments(), model.log, model.codec);
  struct Seen {
    InsuredId insured;
    AppointmentsFilter filter;
    std::string list;
    std::string next;  // the page behind it
    std::uint64_t total;
    Position changed;
    AppointmentId appointment;
    std::optional<std::string> found;
  };
  std::vector<Seen> past;
  for (std::size_t position = 0; position < 150; ++position) {
    Seen seen{.insured = insured(model.history.random_insured()),
              .filter = random_filter(),
              .list = {},
              .next = {},
              .total = 0,
              .changed = {},
              .appointment = {},
              .found = {}};
    const auto page = query.list(kDefaultTenant, seen.insured, seen.filter, {.limit = 3}).value();
    EXPECT_EQ(page.reflected, Position{position});
    seen.list = page.appointments;
    if (page.has_more) {
      seen.next = query
                      .list(kDefaultTenant, seen.insured, seen.filter,
                            {.limit = 3, .cursor = page.next_cursor})
                      .value()
                      .appointments;
    }
    seen.total = page.total;
    seen.changed = page.last_changed;
    if (const json rows = json::parse(page.appointments); !rows.empty()) {
      seen.appointment = AppointmentId{*Uuid::parse(rows[0]["appointmentId"].get<std::string>())};
      seen.found = query.find(kDefaultTenant, seen.insured, seen.appointment).value().json;
    }
    past.push_back(std::move(seen));
    model.history.random_step();
    model.catch_up();
  }
  for (std::size_t position = 0; position < past.size(); ++position) {
    const Seen& seen = past[position];
    const Position as_of{position};
    const auto page =
        query.list_as_of(as_of, kDefaultTenant, seen.insured, seen.filter, {.limit = 3}).value();
    EXPECT_EQ(page.appointments, seen.list);
    EXPECT_EQ(page.total, seen.total);
    EXPECT_EQ(page.has_more, !seen.next.empty());
    if (page.has_more) {
      EXPECT_EQ(query
                    .list_as_of(as_of, kDefaultTenant, seen.insured, seen.filter,
                                {.limit = 3, .cursor = page.next_cursor})
                    .value()
                    .appointments,
                seen.next);
    }
    EXPECT_EQ(page.last_changed, seen.changed);
    EXPECT_EQ(page.reflected, as_of);
    const auto found = query.find_as_of(as_of, kDefaultTenant, seen.insured, seen.appointment);
    EXPECT_EQ(found ? std::optional(found->json) : std::nullopt, seen.found);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AppointmentsQueryPropertyTest,
                         ::testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace citas::projections

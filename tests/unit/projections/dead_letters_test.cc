#include "projections/dead_letters/dead_letters_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/projections/read_model.h"
#include "tests/unit/projections/watched_store.h"

namespace citas::projections {
namespace {

using citas::testing::ReadModel;
using citas::testing::slot;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class DeadLettersTest : public ::testing::Test {
 protected:
  AppointmentRef request() { return model_.history.request("00077", slot("PE", ++schedule_)); }
  DeadLetterId dead(const AppointmentRef& made) {
    return model_.history.dead_letter(made.appointment);
  }
  std::vector<std::string> list(const DeadLettersFilter& filter = {}, std::size_t limit = 100,
                                std::optional<Position> from = std::nullopt) {
    model_.catch_up();
    const auto page = query_.list(kDefaultTenant, filter, limit, from);
    EXPECT_TRUE(page) << page.error().message;
    std::vector<std::string> ids;
    for (const json& letter : json::parse(page->letters)) ids.push_back(letter["deadLetterId"]);
    total_ = page->total;
    next_ = page->next;
    return ids;
  }
  json find(DeadLetterId letter) {
    model_.catch_up();
    return json::parse(query_.find(kDefaultTenant, letter).value().json);
  }
  static std::string text(DeadLetterId letter) { return letter.value().to_string(); }

  ReadModel model_;
  DeadLettersQuery query_{model_.dead_letters(), model_.log, model_.codec};
  std::uint64_t total_ = 0;
  std::optional<Position> next_;
  std::int64_t schedule_ = 0;
};

TEST_F(DeadLettersTest, ALetterFromItsDeathToItsEnd) {
  const AppointmentRef made = request();
  const DeadLetterId letter = dead(made);
  json found = find(letter);
  EXPECT_EQ(found["state"], "open");
  EXPECT_EQ(found["appointmentId"], made.appointment.value().to_string());
  EXPECT_EQ(found["consumer"], "processor-PE");
  EXPECT_EQ(found["reason"], "poison");
  EXPECT_EQ(found["attempts"], 5);
  EXPECT_EQ(found["deaths"], 1);
  EXPECT_EQ(found["retries"], 0);
  model_.history.retry(letter, made.appointment);
  found = find(letter);
  EXPECT_EQ(found["state"], "retried");
  EXPECT_EQ(found["retries"], 1);
  EXPECT_EQ(found["retriedBy"], "anonymous");
  dead(made);
  found = find(letter);
  EXPECT_EQ(found["state"], "open");
  EXPECT_EQ(found["deaths"], 2);
  model_.history.retry(letter, made.appointment);
  model_.history.confirm(made);
  found = find(letter);
  EXPECT_EQ(found["state"], "settled");
  EXPECT_EQ(found["outcome"], "completed");
  EXPECT_EQ(found["retries"], 2);
}

TEST_F(DeadLettersTest, ADiscardedLetterSaysWhoAndWhy) {
  const AppointmentRef made = request();
  const DeadLetterId letter = dead(made);
  model_.history.reject(made, "not_processed");
  model_.history.discard(letter, made.appointment);
  const json found = find(letter);
  EXPECT_EQ(found["state"], "discarded");
  EXPECT_EQ(found["discardedBy"], "anonymous");
  EXPECT_EQ(found["discardReason"], "unprocessable");
  EXPECT_EQ(found["outcome"], "failed");
}

TEST_F(DeadLettersTest, ACancelledAppointmentSettlesItsLetter) {
  const AppointmentRef made = request();
  const DeadLetterId letter = dead(made);
  model_.history.cancel(made);
  EXPECT_EQ(find(letter)["state"], "settled");
  EXPECT_EQ(find(letter)["outcome"], "cancelled");
  EXPECT_THAT(list({.state = LetterState::kOpen}), IsEmpty());
}

TEST_F(DeadLettersTest, ALetterOfNoAppointmentStaysOpenUntilItIsDiscarded) {
  const DeadLetterId letter = model_.history.dead_letter(std::nullopt);
  EXPECT_FALSE(find(letter).contains("appointmentId"));
  EXPECT_THAT(list({.state = LetterState::kOpen}), ElementsAre(text(letter)));
  model_.history.discard(letter, std::nullopt);
  EXPECT_THAT(list({.state = LetterState::kDiscarded}), ElementsAre(text(letter)));
}

TEST_F(DeadLettersTest, ListsAreSortedFilteredCountedAndPaged) {
  std::vector<std::string> letters;
  std::vector<AppointmentRef> made;
  for (int i = 0; i < 5; ++i) {
    made.push_back(request());
    letters.push_back(text(dead(made.back())));
  }
  model_.history.retry(DeadLetterId{*Uuid::parse(letters[1])}, made[1].appointment);
  model_.history.cancel(made[3]);
  EXPECT_THAT(list(), ElementsAre(letters[4], letters[3], letters[2], letters[1], letters[0]));
  EXPECT_EQ(total_, 5U);
  EXPECT_THAT(list({.state = LetterState::kOpen, .order = Order::kAscending}),
              ElementsAre(letters[0], letters[2], letters[4]));
  EXPECT_EQ(total_, 3U);
  EXPECT_THAT(list({.state = LetterState::kRetried}), ElementsAre(letters[1]));
  EXPECT_THAT(list({.state = LetterState::kSettled}), ElementsAre(letters[3]));
  for (const Order order : {Order::kAscending, Order::kDescending}) {
    std::vector<std::string> paged;
    next_.reset();
    do {
      for (auto& id : list({.order = order}, 2, next_)) paged.push_back(std::move(id));
    } while (next_);
    EXPECT_EQ(paged, list({.order = order}));
  }
}

TEST_F(DeadLettersTest, CountsWhatIsOpenAndWhatEverDied) {
  const AppointmentRef made = request();
  const DeadLetterId letter = dead(made);
  dead(request());
  model_.history.retry(letter, made.appointment);
  dead(made);
  model_.catch_up();
  const LetterSummary summary = query_.summary(kDefaultTenant).value();
  EXPECT_EQ(summary.count[0], 2U);
  EXPECT_EQ(summary.recorded, 3U);
  EXPECT_EQ(summary.changed_at, model_.log.committed());
  request();  // no letter's business
  model_.catch_up();
  EXPECT_EQ(query_.summary(kDefaultTenant).value().changed_at, summary.changed_at);
}

TEST_F(DeadLettersTest, WhatADecisionLeftBehindIsToldTheSameForEver) {
  const AppointmentRef made = request();
  const DeadLetterId letter = dead(made);
  model_.history.reject(made, "not_processed");
  Event discarded = model_.history.next_event(DeadLetterDiscarded{
      letter, citas::testing::country("PE"), made.appointment, citas::testing::reason("other")});
  model_.history.append_event(discarded);
  const std::string then = query_.find_after(discarded).value().json;
  model_.catch_up();
  EXPECT_EQ(query_.find(kDefaultTenant, letter).value().json, then);
  model_.history.append(DeadLetterRecorded{.id = letter,
                                           .message_id = "m",
                                           .consumer = "c",
                                           .country = citas::testing::country("PE"),
                                           .reason = citas::testing::reason("poison")});
  EXPECT_EQ(query_.find_after(discarded).value().json, then);
}

TEST_F(DeadLettersTest, UnknownLettersAreNotFound) {
  model_.catch_up();
  EXPECT_EQ(query_.find(kDefaultTenant, DeadLetterId{}).error().code, ErrorCode::kNotFound);
}

TEST(DeadLettersQueryTest, EveryQuestionTellsOfAStoreThatCannotBeRead) {
  LiveProjection live{std::string(DeadLetters::kName)};
  const auto unreadable = std::make_shared<citas::testing::WatchedStore>();
  unreadable->unreadable = true;
  live.replace(unreadable);
  live.advance(Position{0});
  int told = 0;
  live.on_damage([&](const Error& damage) {
    EXPECT_EQ(damage.code, ErrorCode::kCorruption);
    ++told;
  });
  const MemoryEventLog log(citas::testing::kTestLog);
  const Codec codec;
  const DeadLettersQuery query(live, log, codec);
  const auto page = query.list(kDefaultTenant, {}, 10, std::nullopt);
  EXPECT_EQ(page.error().code, ErrorCode::kUnavailable) << "somebody mends it";
  EXPECT_EQ(query.find(kDefaultTenant, DeadLetterId{}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(query.summary(kDefaultTenant).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(told, 3);
}

TEST_F(DeadLettersTest, NobodysDataIsStored) {
  const AppointmentRef made = request();
  const DeadLetterId letter = dead(made);
  model_.history.retry(letter, made.appointment);
  model_.history.confirm(made);
  model_.catch_up();
  for (const auto& [key, value] : citas::testing::entries_of(**model_.dead_letters().store())) {
    EXPECT_THAT(key, Not(HasSubstr("00077")));
    EXPECT_THAT(value, Not(HasSubstr("00077")));
  }
}

}  // namespace
}  // namespace citas::projections

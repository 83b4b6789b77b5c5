// Who is charged for what: failures, processes that end, and stores that fail.
#include "workers/try_ledger.h"

#include <gtest/gtest.h>

#include <memory>

#include "workers/memory/memory_country_store.h"

namespace citas::workers {
namespace {

constexpr std::uint32_t kMaxTries = 3;

class TryLedgerTest : public ::testing::Test {
 protected:
  TryLedgerTest() { restart(); }

  // As another process would begin: what is known is what the store holds.
  void restart() {
    ledger_ = std::make_unique<TryLedger>(kMaxTries);
    ledger_->begin(store_);
  }
  void start(const std::vector<Tries>& messages, bool alone = false) {
    ASSERT_TRUE(ledger_->start(messages, alone));
  }
  std::optional<std::uint32_t> count(const std::string& message) const {
    return ledger_->count(message).value();
  }

  MemoryCountryStore store_;
  std::unique_ptr<TryLedger> ledger_;
};

TEST_F(TryLedgerTest, AGroupIsNotedAndNotCounted) {
  EXPECT_EQ(count("a"), std::nullopt);
  start({{"a", 0}, {"b", 0}});
  EXPECT_EQ(count("a"), 0U);
  EXPECT_EQ(count("b"), 0U);
  EXPECT_EQ(count("c"), std::nullopt);
}

TEST_F(TryLedgerTest, OneAloneIsCountedBeforeItsTry) {
  start({{"a", 1}}, /*alone=*/true);
  EXPECT_EQ(count("a"), 2U);
  ASSERT_TRUE(ledger_->start_try("a"));
  EXPECT_EQ(store_.begun_try(), "") << "or its death would be counted twice";
}

TEST_F(TryLedgerTest, WhatIsSpentIsCountedNoFurther) {
  EXPECT_FALSE(ledger_->is_spent(kMaxTries - 1));
  EXPECT_TRUE(ledger_->is_spent(kMaxTries));
  const std::vector<Tries> spent{{"a", kMaxTries}};
  ASSERT_TRUE(store_.note_tries(spent));
  start(spent, /*alone=*/true);
  EXPECT_EQ(count("a"), kMaxTries);
}

TEST_F(TryLedgerTest, AFailureInAGroupIsNotedAtOnce) {
  start({{"a", 0}, {"b", 0}});
  ASSERT_TRUE(ledger_->start_try("a"));
  ASSERT_TRUE(ledger_->note_failed({"a", 1}));
  EXPECT_EQ(count("a"), 1U);
  EXPECT_EQ(count("b"), 0U);
}

TEST_F(TryLedgerTest, TheEndOfAProcessIsChargedToTheOneThatWasTried) {
  start({{"a", 0}, {"b", 0}, {"c", 0}});
  ASSERT_TRUE(ledger_->start_try("a"));
  ASSERT_TRUE(ledger_->start_try("b"));
  restart();
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("a"), 0U);
  EXPECT_EQ(count("b"), 1U);
  EXPECT_EQ(count("c"), 0U);
  EXPECT_EQ(store_.begun_try(), "");
  restart();
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("b"), 1U) << "once for each end";
}

TEST_F(TryLedgerTest, WhoWasCountedOrIsUnknownIsNotChargedForAnEnd) {
  start({{"a", 0}});
  ASSERT_TRUE(ledger_->start_try("a"));
  ASSERT_TRUE(ledger_->note_failed({"a", 2}));
  restart();
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("a"), 2U);
  ASSERT_TRUE(store_.begin_try("forgotten"));
  restart();
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("forgotten"), std::nullopt);
}

TEST_F(TryLedgerTest, AGroupThatIsFinishedIsChargedToNobody) {
  start({{"a", 0}});
  ASSERT_TRUE(ledger_->start_try("a"));
  ASSERT_TRUE(store_.commit({.settled = {"a"}}));
  ASSERT_TRUE(ledger_->finish());
  restart();
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("a"), std::nullopt);
  EXPECT_EQ(store_.begun_try(), "");
}

// The store failed, and was opened anew: everybody has what they had before.
TEST_F(TryLedgerTest, WhatAFailedStoreInterruptedIsExcused) {
  ASSERT_TRUE(ledger_->settle_past());
  start({{"a", 0}, {"b", 0}});
  ASSERT_TRUE(ledger_->start_try("a"));
  ASSERT_TRUE(ledger_->note_failed({"a", 1}));
  ASSERT_TRUE(ledger_->start_try("b"));
  ledger_->begin(store_);
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("a"), 1U) << "it had failed before the store did";
  EXPECT_EQ(count("b"), std::nullopt);
  EXPECT_EQ(store_.begun_try(), "");

  start({{"a", 1}}, /*alone=*/true);
  ASSERT_EQ(count("a"), 2U);
  ledger_->begin(store_);
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("a"), 1U);
}

TEST_F(TryLedgerTest, WhatIsFinishedNeedsNoExcuse) {
  const std::vector<Tries> one{{"a", 1}};
  start(one, /*alone=*/true);
  ASSERT_TRUE(store_.commit({.failed = {{"a", 2}}}));
  ASSERT_TRUE(ledger_->finish());
  ledger_->begin(store_);
  ASSERT_TRUE(ledger_->settle_past());
  EXPECT_EQ(count("a"), 2U);
}

}  // namespace
}  // namespace citas::workers

#include "projections/compare.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "projections/memory/memory_read_store.h"

namespace citas::projections {
namespace {

using Entries = std::map<std::string, std::string>;

Differences compare_entries(const Entries& expected, const Entries& actual) {
  MemoryReadStore left;
  MemoryReadStore right;
  for (const auto& [store, entries] : {std::pair(&left, &expected), std::pair(&right, &actual)}) {
    std::vector<Mutation> mutations;
    for (const auto& [key, value] : *entries) mutations.push_back({key, value});
    EXPECT_TRUE(store->commit(mutations, {}));
  }
  const auto left_view = left.view().value();
  const auto right_view = right.view().value();
  return compare(*left_view, *right_view).value();
}

TEST(CompareTest, FindsNothingBetweenEquals) {
  EXPECT_TRUE(compare_entries({}, {}).none());
  EXPECT_TRUE(compare_entries({{"a", "1"}, {"b", "2"}}, {{"a", "1"}, {"b", "2"}}).none());
}

TEST(CompareTest, CountsEachKindOfDifference) {
  EXPECT_EQ(compare_entries({{"a", "1"}, {"b", "2"}, {"d", "4"}}, {{"a", "x"}, {"c", "3"}}),
            (Differences{.missing = 2, .extra = 1, .changed = 1}));
  EXPECT_EQ(compare_entries({}, {{"a", "1"}}), (Differences{.extra = 1}));
  EXPECT_EQ(compare_entries({{"a", "1"}}, {}), (Differences{.missing = 1}));
}

TEST(CompareTest, ReadsBeyondOneChunk) {
  Entries expected;
  for (int i = 0; i < 5'000; ++i) expected[std::to_string(i)] = "value";
  Entries actual = expected;
  EXPECT_TRUE(compare_entries(expected, actual).none());
  actual["4999"] = "other";
  actual.erase("1234");
  EXPECT_EQ(compare_entries(expected, actual), (Differences{.missing = 1, .changed = 1}));
}

}  // namespace
}  // namespace citas::projections

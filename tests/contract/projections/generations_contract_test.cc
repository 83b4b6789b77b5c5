// What every Generations must do.
#include "projections/generations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/memory/memory_generations.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"

namespace citas::projections {
namespace {

using citas::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Generation kFirst{1};
constexpr Generation kSecond{2};

class GenerationsContractTest : public ::testing::TestWithParam<bool> {
 protected:
  GenerationsContractTest() {
    if (GetParam()) {
      generations_ = std::make_unique<RocksDbGenerations>(folder_.path() / "projections");
    } else {
      generations_ = std::make_unique<MemoryGenerations>();
    }
  }

  void fill(ReadStore& store, std::string_view value) {
    const std::vector<Mutation> mutations{{"key", value}};
    ASSERT_TRUE(store.commit(mutations, {}));
    ASSERT_TRUE(store.flush());
  }

  TempFolder folder_;
  std::unique_ptr<Generations> generations_;
};

TEST_P(GenerationsContractTest, NothingIsThereAtFirst) {
  EXPECT_EQ(generations_->current("model").value(), std::nullopt);
  EXPECT_THAT(generations_->list("model").value(), IsEmpty());
  EXPECT_EQ(generations_->open("model", kFirst).error().code, ErrorCode::kCorruption);
  EXPECT_TRUE(generations_->remove("model", kFirst));
}

TEST_P(GenerationsContractTest, ThePointerIsSetApartFromWhatExists) {
  ASSERT_TRUE(generations_->create("model", kFirst));
  EXPECT_EQ(generations_->current("model").value(), std::nullopt);
  ASSERT_TRUE(generations_->make_current("model", kFirst));
  ASSERT_TRUE(generations_->create("model", kSecond));
  EXPECT_EQ(generations_->current("model").value(), kFirst);
  EXPECT_THAT(generations_->list("model").value(), ElementsAre(kFirst, kSecond));
  ASSERT_TRUE(generations_->make_current("model", kSecond));
  EXPECT_EQ(generations_->current("model").value(), kSecond);
  EXPECT_EQ(generations_->current("other").value(), std::nullopt);
}

TEST_P(GenerationsContractTest, WhatWasWrittenIsThereWhenOpenedAgain) {
  fill(**generations_->create("model", kFirst), "value");
  EXPECT_EQ((*generations_->open("model", kFirst))->get("key").value(), "value");
  EXPECT_EQ((*generations_->open_read_only("model", kFirst))->get("key").value(), "value");
}

TEST_P(GenerationsContractTest, WhatIsRemovedStaysReadableToThoseWhoHoldIt) {
  auto store = generations_->create("model", kFirst).value();
  fill(*store, "value");
  ASSERT_TRUE(generations_->remove("model", kFirst));
  EXPECT_EQ(store->get("key").value(), "value");
  store.reset();
  EXPECT_THAT(generations_->list("model").value(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Adapters, GenerationsContractTest, ::testing::Bool(),
                         [](const auto& on_disk) { return on_disk.param ? "RocksDb" : "Memory"; });

}  // namespace
}  // namespace citas::projections

#include "projections/entry_batch.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "projections/memory/memory_read_store.h"

namespace citas::projections {
namespace {

// Counts what reaches the store, and fails on demand.
class WatchedStore final : public ReadStore {
 public:
  Result<std::unique_ptr<ReadView>> view() const override { return store_.view(); }
  Result<std::optional<std::string>> get(std::string_view key) const override {
    ++gets;
    return store_.get(key);
  }
  Result<std::optional<Checkpoint>> checkpoint() const override { return store_.checkpoint(); }
  std::optional<Position> unchanged_since(std::string_view key, Revision since) const override {
    return store_.unchanged_since(key, since);
  }
  Status commit(std::span<const Mutation> mutations, const Checkpoint& checkpoint) override {
    if (fail) return failure(ErrorCode::kUnavailable, "no space");
    written = mutations.size();
    return store_.commit(mutations, checkpoint);
  }
  Status flush() override { return {}; }
  Result<bool> begin_flush() override { return true; }

  mutable int gets = 0;
  std::size_t written = 0;
  bool fail = false;

 private:
  MemoryReadStore store_;
};

class EntryBatchTest : public ::testing::Test {
 protected:
  std::optional<std::string> read(std::string_view key) {
    const auto value = batch_.get(key).value();
    return value ? std::optional(std::string(*value)) : std::nullopt;
  }

  WatchedStore store_;
  EntryBatch batch_{store_};
  Checkpoint checkpoint_;
};

TEST_F(EntryBatchTest, SeesItsOwnWrites) {
  ASSERT_TRUE(batch_.put("a", "1"));
  EXPECT_EQ(read("a"), "1");
  ASSERT_TRUE(batch_.remove("a"));
  EXPECT_EQ(read("a"), std::nullopt);
}

TEST_F(EntryBatchTest, WritesEachKeyOnceACommit) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(batch_.put("a", std::to_string(i)));
  ASSERT_TRUE(batch_.commit(checkpoint_));
  EXPECT_EQ(store_.written, 1u);
  EXPECT_EQ(checkpoint_.entries, 1u);
}

TEST_F(EntryBatchTest, WritesNothingForWhatCameAndWent) {
  ASSERT_TRUE(batch_.insert("a", "1"));
  ASSERT_TRUE(batch_.remove("a"));
  ASSERT_TRUE(batch_.commit(checkpoint_));
  EXPECT_EQ(store_.written, 0u);
  EXPECT_EQ(checkpoint_.digest, ContentDigest());
}

TEST_F(EntryBatchTest, AsksTheStoreOnceForEachKeyAndNeverForInserts) {
  ASSERT_TRUE(batch_.insert("new", "1"));
  EXPECT_EQ(read("new"), "1");
  EXPECT_EQ(store_.gets, 0);
  EXPECT_EQ(read("old"), std::nullopt);
  ASSERT_TRUE(batch_.put("old", "1"));
  ASSERT_TRUE(batch_.commit(checkpoint_));
  EXPECT_EQ(read("old"), "1");
  EXPECT_EQ(store_.gets, 1);
}

TEST_F(EntryBatchTest, RefusesToInsertWhatIsKnown) {
  ASSERT_TRUE(batch_.put("a", "1"));
  EXPECT_EQ(batch_.insert("a", "2").error().code, ErrorCode::kCorruption);
}

TEST_F(EntryBatchTest, AFailedCommitLeavesNothingBehind) {
  ASSERT_TRUE(batch_.put("a", "1"));
  store_.fail = true;
  EXPECT_EQ(batch_.commit(checkpoint_).error().code, ErrorCode::kUnavailable);
  store_.fail = false;
  EXPECT_EQ(read("a"), std::nullopt);
}

// Against a simple model, with room for so few entries that most come back from the store.
TEST_F(EntryBatchTest, DigestAndCountAlwaysFollowTheContent) {
  EntryBatch batch(store_, 3);
  std::map<std::string, std::string> model;
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 5; ++i) {
      const std::string key(1, static_cast<char>('a' + random() % 12));
      if (random() % 3 == 0) {
        ASSERT_TRUE(batch.remove(key));
        model.erase(key);
      } else {
        model[key] = std::to_string(random() % 4);
        ASSERT_TRUE(batch.put(key, model[key]));
      }
    }
    ASSERT_TRUE(batch.commit(checkpoint_));
    ContentDigest expected;
    for (const auto& [key, value] : model) expected.add(entry_hash(key, value));
    ASSERT_EQ(checkpoint_.digest, expected) << "round " << round;
    ASSERT_EQ(checkpoint_.entries, model.size());
  }
}

}  // namespace
}  // namespace citas::projections

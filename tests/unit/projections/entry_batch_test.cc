#include "projections/entry_batch.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "tests/unit/projections/watched_store.h"

namespace citas::projections {
namespace {

using testing::WatchedStore;

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
  store_.on_commit = [] { return failure(ErrorCode::kUnavailable, "no space"); };
  EXPECT_EQ(batch_.commit(checkpoint_).error().code, ErrorCode::kUnavailable);
  store_.on_commit = {};
  EXPECT_EQ(read("a"), std::nullopt);
}

// With room for a single entry, and another thread that has not written them yet.
TEST_F(EntryBatchTest, ChangesThatWereTakenAreKnownUntilTheNextAre) {
  EntryBatch batch(store_, 1);
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(batch.insert(key, "1"));
  ChangeSet first = batch.take_changes();
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(batch.get(key).value(), "1");
  ASSERT_TRUE(batch.put("b", "2"));
  ASSERT_TRUE(batch.remove("c"));
  EXPECT_EQ(store_.gets, 0);

  ASSERT_TRUE(first.commit_to(store_, checkpoint_));
  EXPECT_EQ(store_.get("b").value(), "1");
  ASSERT_TRUE(batch.commit(checkpoint_));
  EXPECT_EQ(store_.get("b").value(), "2");
  EXPECT_EQ(store_.get("c").value(), std::nullopt);
  ContentDigest expected;
  expected.add(entry_hash("a", "1"));
  expected.add(entry_hash("b", "2"));
  EXPECT_EQ(checkpoint_.digest, expected);
  EXPECT_EQ(checkpoint_.entries, 2u);
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

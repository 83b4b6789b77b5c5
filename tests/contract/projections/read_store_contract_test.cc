// What every ReadStore must do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "projections/memory/memory_read_store.h"
#include "projections/rocksdb/rocksdb_read_store.h"
#include "tests/support/temp_folder.h"

namespace citas::projections {
namespace {

using citas::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Adapter {
  std::string name;
  std::function<std::shared_ptr<ReadStore>(const TempFolder&)> make;
};

std::shared_ptr<ReadStore> in_memory(const TempFolder&) {
  return std::make_shared<MemoryReadStore>();
}

std::shared_ptr<ReadStore> on_disk(const TempFolder& folder) {
  return RocksDbReadStore::open(folder.path() / "store", RocksDbReadStore::Mode::kCreate,
                                make_read_store_resources(1 << 20))
      .value();
}

Checkpoint checkpoint_at(std::uint64_t position) {
  Checkpoint checkpoint;
  checkpoint.model = {"some_model", 1, 0};
  checkpoint.head.position = Position{position};
  checkpoint.entries = position;
  return checkpoint;
}

class ReadStoreContractTest : public ::testing::TestWithParam<Adapter> {
 protected:
  void commit(const std::vector<Mutation>& mutations, std::uint64_t position) {
    ASSERT_TRUE(store_->commit(mutations, checkpoint_at(position)));
  }
  static std::vector<std::string> scan(ReadView& view, const KeyRange& range,
                                       Order order = Order::kAscending, std::size_t limit = 100) {
    std::vector<std::string> found;
    const auto scanned = view.scan(range, order, [&](std::string_view key, std::string_view value) {
      found.push_back(std::string(key) + "=" + std::string(value));
      return found.size() < limit;
    });
    EXPECT_TRUE(scanned);
    return found;
  }
  std::vector<std::string> scan(const KeyRange& range, Order order = Order::kAscending,
                                std::size_t limit = 100) {
    const auto view = store_->view().value();
    return scan(*view, range, order, limit);
  }

  TempFolder folder_;
  std::shared_ptr<ReadStore> store_ = GetParam().make(folder_);
};

TEST_P(ReadStoreContractTest, ANewOneIsEmpty) {
  EXPECT_EQ(store_->checkpoint().value(), std::nullopt);
  EXPECT_EQ(store_->get("a").value(), std::nullopt);
  EXPECT_EQ(store_->view().value()->position(), Position{});
  EXPECT_THAT(scan({}), IsEmpty());
}

TEST_P(ReadStoreContractTest, KeepsTheLatestValuesAndCheckpoint) {
  commit({{"a", "1"}, {"b", "2"}}, 1);
  commit({{"a", "3"}, {"b", std::nullopt}, {"c", ""}}, 2);
  EXPECT_EQ(store_->get("a").value(), "3");
  EXPECT_EQ(store_->get("b").value(), std::nullopt);
  EXPECT_EQ(store_->get("c").value(), "");
  EXPECT_EQ(store_->checkpoint().value(), checkpoint_at(2));
  EXPECT_EQ(store_->view().value()->position(), Position{2});
  EXPECT_THAT(scan({}), ElementsAre("a=3", "c="));
}

TEST_P(ReadStoreContractTest, GoesOnWhileItIsWrittenOut) {
  commit({{"a", "1"}}, 1);
  EXPECT_TRUE(store_->begin_flush().value());
  commit({{"a", "2"}}, 2);
  EXPECT_EQ(store_->get("a").value(), "2");
  EXPECT_TRUE(store_->begin_flush());  // begun, or an earlier one is under way
  EXPECT_TRUE(store_->flush());
  EXPECT_EQ(store_->checkpoint().value(), checkpoint_at(2));
}

TEST_P(ReadStoreContractTest, ACheckpointMayMoveOnAlone) {
  commit({}, 5);
  EXPECT_EQ(store_->view().value()->position(), Position{5});
  EXPECT_THAT(scan({}), IsEmpty());
}

TEST_P(ReadStoreContractTest, ScansAreBoundedInBothDirections) {
  commit({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}, 1);
  EXPECT_THAT(scan({"b", "d"}), ElementsAre("b=2", "c=3"));
  EXPECT_THAT(scan({"b", "d"}, Order::kDescending), ElementsAre("c=3", "b=2"));
  EXPECT_THAT(scan({"bb", "cc"}, Order::kDescending), ElementsAre("c=3"));
  EXPECT_THAT(scan({"c", ""}), ElementsAre("c=3", "d=4"));
  EXPECT_THAT(scan({"", "b"}, Order::kDescending), ElementsAre("a=1"));
  EXPECT_THAT(scan({"", ""}, Order::kDescending), ElementsAre("d=4", "c=3", "b=2", "a=1"));
  EXPECT_THAT(scan({"", ""}, Order::kDescending, 2), ElementsAre("d=4", "c=3"));
  EXPECT_THAT(scan({"a", "z"}, Order::kAscending, 1), ElementsAre("a=1"));
  EXPECT_THAT(scan({"e", "z"}), IsEmpty());
  EXPECT_THAT(scan({"c", "c"}), IsEmpty());
  EXPECT_THAT(scan({"d", "a"}), IsEmpty());
  EXPECT_THAT(scan({"d", "a"}, Order::kDescending), IsEmpty());
}

TEST_P(ReadStoreContractTest, KeysAreBytesInLexicographicOrder) {
  const std::string zero("k\0", 2);
  const std::string high("k\xff", 2);
  commit({{high, "3"}, {"k", "1"}, {zero, "2"}, {"l", "4"}}, 1);
  EXPECT_THAT(scan({"k", "l"}), ElementsAre("k=1", zero + "=2", high + "=3"));
}

TEST_P(ReadStoreContractTest, OneViewAnswersManyQuestionsInAnyOrder) {
  commit({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}, 1);
  const auto view = store_->view().value();
  EXPECT_EQ(view->get("a").value(), "1");
  EXPECT_THAT(scan(*view, {"b", "d"}), ElementsAre("b=2", "c=3"));
  EXPECT_THAT(scan(*view, {"a", "c"}), ElementsAre("a=1", "b=2"));
  EXPECT_EQ(view->get("bb").value(), std::nullopt);
  EXPECT_THAT(scan(*view, {"a", ""}, Order::kDescending, 2), ElementsAre("d=4", "c=3"));
  EXPECT_EQ(view->get("a").value(), "1");
  EXPECT_THAT(scan(*view, {"d", ""}), ElementsAre("d=4"));
  EXPECT_EQ(view->get("e").value(), std::nullopt);
  EXPECT_THAT(scan(*view, {"a", "b"}), ElementsAre("a=1"));
}

TEST_P(ReadStoreContractTest, AViewStandsStill) {
  commit({{"a", "1"}, {"b", "1"}}, 1);
  const auto view = store_->view().value();
  commit({{"a", "2"}, {"b", std::nullopt}, {"c", "2"}}, 2);
  EXPECT_EQ(view->position(), Position{1});
  EXPECT_EQ(view->get("a").value(), "1");
  EXPECT_THAT(scan(*view, {}), ElementsAre("a=1", "b=1"));
  EXPECT_THAT(scan({}), ElementsAre("a=2", "c=2"));
}

TEST_P(ReadStoreContractTest, FlushingChangesNothingToTheReader) {
  commit({{"a", "1"}}, 1);
  ASSERT_TRUE(store_->flush());
  commit({{"a", "2"}, {"b", "2"}}, 2);
  ASSERT_TRUE(store_->flush());
  EXPECT_THAT(scan({}), ElementsAre("a=2", "b=2"));
  EXPECT_EQ(store_->checkpoint().value(), checkpoint_at(2));
}

// A view names the very commit that it shows, also one taken while a commit is being written.
TEST_P(ReadStoreContractTest, ContentAndPositionOfAViewBelongTogether) {
  constexpr std::uint64_t kCommits = 2'000;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::uint64_t seen = 0;
      while (seen < kCommits) {
        const auto view = store_->view().value();
        const std::uint64_t position = view->position().value();
        ASSERT_GE(position, seen);
        seen = position;
        if (position == 0) continue;
        const std::string text = std::to_string(position);
        ASSERT_EQ(view->get("first").value(), text);
        ASSERT_EQ(view->get("last").value(), text);
      }
    });
  }
  for (std::uint64_t position = 1; position <= kCommits; ++position) {
    const std::string text = std::to_string(position);
    commit({{"first", text}, {"key" + text, text}, {"last", text}}, position);
  }
}

TEST_P(ReadStoreContractTest, UntilTheNextCommitNothingIsChanged) {
  commit({{"a", "1"}}, 3);
  const Revision revision = store_->view().value()->revision();
  EXPECT_EQ(store_->unchanged_since("a", revision), Position{3});
  EXPECT_EQ(store_->unchanged_since("b", revision), Position{3});
}

TEST_P(ReadStoreContractTest, WhatIsWrittenIsNotUnchanged) {
  commit({{"a", "1"}, {"b", "1"}}, 1);
  const Revision revision = store_->view().value()->revision();
  commit({{"a", "2"}, {"b", std::nullopt}, {"c", "2"}}, 2);
  for (const std::string key : {"a", "b", "c"}) {
    EXPECT_EQ(store_->unchanged_since(key, revision), std::nullopt) << key;
  }
  const Revision next = store_->view().value()->revision();
  EXPECT_EQ(store_->unchanged_since("a", next), Position{2});
}

// A commit may repeat the position of the one before: a rebuild's tests do, and a repair may.
TEST_P(ReadStoreContractTest, WhatIsWrittenAtTheSamePositionIsNotUnchanged) {
  commit({{"a", "1"}}, 1);
  const Revision revision = store_->view().value()->revision();
  commit({{"a", "2"}}, 1);
  EXPECT_EQ(store_->unchanged_since("a", revision), std::nullopt);
}

// What a reader keeps is, as long as it is called unchanged, what the store holds at the position
// that it is called unchanged at.
TEST_P(ReadStoreContractTest, UnchangedIsTrueWhileAnotherThreadCommits) {
  constexpr std::uint64_t kCommits = 2'000;
  constexpr std::uint64_t kKeys = 7;
  // Commit n writes "<n>" to key n % kKeys, so every value is known at every position.
  const auto value_at = [](std::uint64_t key, std::uint64_t position) -> std::uint64_t {
    if (position < key || position == 0) return 0;
    return position - (position - key) % kKeys;
  };
  std::vector<std::jthread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      for (std::uint64_t seen = 0; seen < kCommits;) {
        const auto view = store_->view().value();
        for (std::uint64_t key = 0; key < kKeys; ++key) {
          const std::string name = std::to_string(key);
          const std::uint64_t kept = std::stoull(view->get(name).value().value_or("0"));
          ASSERT_EQ(kept, value_at(key, view->position().value()));
          const auto position = store_->unchanged_since(name, view->revision());
          if (position) {
            ASSERT_EQ(kept, value_at(key, position->value()));
          }
        }
        seen = view->position().value();
      }
    });
  }
  for (std::uint64_t position = 1; position <= kCommits; ++position) {
    commit({{std::to_string(position % kKeys), std::to_string(position)}}, position);
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, ReadStoreContractTest,
                         ::testing::Values(Adapter{"Memory", in_memory},
                                           Adapter{"RocksDb", on_disk}),
                         [](const auto& adapter) { return adapter.param.name; });

// --- What only a store on disk promises ---

class RocksDbReadStoreTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "store"; }
  std::shared_ptr<RocksDbReadStore> open(RocksDbReadStore::Mode mode) {
    return RocksDbReadStore::open(path(), mode, shared_).value();
  }
  ErrorCode open_error(RocksDbReadStore::Mode mode) {
    return RocksDbReadStore::open(path(), mode, shared_).error().code;
  }

  TempFolder folder_;
  const RocksDbReadStoreResources shared_ = make_read_store_resources(1 << 20);
};

TEST_F(RocksDbReadStoreTest, ClosingKeepsEverything) {
  const std::vector<Mutation> mutations{{"a", "1"}};
  ASSERT_TRUE(open(RocksDbReadStore::Mode::kCreate)->commit(mutations, checkpoint_at(3)));
  const auto store = open(RocksDbReadStore::Mode::kOpen);
  EXPECT_EQ(store->get("a").value(), "1");
  EXPECT_EQ(store->checkpoint().value(), checkpoint_at(3));
  EXPECT_EQ(store->view().value()->position(), Position{3});
}

// RocksDB removes files that a flush has made useless in the background: a copy that met one on its
// way out is begun again.
bool copy_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    std::error_code error;
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
    if (!error) return true;
    std::filesystem::remove_all(to);
  }
  return false;
}

// The folder as it is between any two commits is what a crash leaves.
TEST_F(RocksDbReadStoreTest, AfterACrashItHoldsSomeCommitAsAWhole) {
  const auto store = open(RocksDbReadStore::Mode::kCreate);
  for (std::uint64_t position = 1; position <= 30; ++position) {
    const std::string text = std::to_string(position);
    const std::vector<Mutation> mutations{{"first", text}, {"last", text}};
    ASSERT_TRUE(store->commit(mutations, checkpoint_at(position)));
    if (position % 7 == 0) {
      ASSERT_TRUE(store->flush());
    }
    const auto copy = folder_.path() / ("copy" + text);
    ASSERT_TRUE(copy_folder(path(), copy));
    const auto crashed = RocksDbReadStore::open(copy, RocksDbReadStore::Mode::kOpen, shared_);
    ASSERT_TRUE(crashed) << crashed.error().message;
    const std::uint64_t survived = position / 7 * 7;
    const auto checkpoint = (*crashed)->checkpoint().value();
    ASSERT_EQ(checkpoint ? checkpoint->head.position.value() : 0, survived);
    const auto expected = survived ? std::optional(std::to_string(survived)) : std::nullopt;
    EXPECT_EQ((*crashed)->get("first").value(), expected);
    EXPECT_EQ((*crashed)->get("last").value(), expected);
  }
}

TEST_F(RocksDbReadStoreTest, ReadingOnlyNeedsNoLockAndChangesNothing) {
  const auto store = open(RocksDbReadStore::Mode::kCreate);
  const std::vector<Mutation> mutations{{"a", "1"}};
  ASSERT_TRUE(store->commit(mutations, checkpoint_at(3)));
  ASSERT_TRUE(store->flush());
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  };
  const auto before = files();
  EXPECT_EQ(open(RocksDbReadStore::Mode::kReadOnly)->checkpoint().value(), checkpoint_at(3));
  EXPECT_EQ(files(), before);
}

TEST_F(RocksDbReadStoreTest, ASecondWriterIsUnavailableAndNothingIsCorruption) {
  EXPECT_EQ(open_error(RocksDbReadStore::Mode::kOpen), ErrorCode::kCorruption);
  const auto store = open(RocksDbReadStore::Mode::kCreate);
  EXPECT_EQ(open_error(RocksDbReadStore::Mode::kOpen), ErrorCode::kUnavailable);
}

TEST_F(RocksDbReadStoreTest, ACommitLeavesOtherKeysUnchanged) {
  const auto store = open(RocksDbReadStore::Mode::kCreate);
  const Revision revision = store->view().value()->revision();
  for (std::uint64_t position = 1; position <= 100; ++position) {
    const std::vector<Mutation> mutations{{"a", "1"}};
    ASSERT_TRUE(store->commit(mutations, checkpoint_at(position)));
    EXPECT_EQ(store->unchanged_since("b", revision), Position{position});
  }
}

TEST_F(RocksDbReadStoreTest, IsDeletedOnCloseWhenTold) {
  auto store = open(RocksDbReadStore::Mode::kCreate);
  store->delete_on_close();
  EXPECT_TRUE(std::filesystem::exists(path()));
  store.reset();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

}  // namespace
}  // namespace citas::projections

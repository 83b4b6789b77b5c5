// What every EventLog promises, on every adapter.
#include "events/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "events/memory/memory_event_log.h"
#include "events/record.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// An adapter under test: opens a fresh log, and where it is durable, opens it again.
class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual EventLog& log() = 0;
};

class MemoryAdapter final : public Adapter {
 public:
  EventLog& log() override { return log_; }

 private:
  MemoryEventLog log_{kTestLog};
};

class RocksDbAdapter final : public Adapter {
 public:
  RocksDbAdapter() {
    auto opened =
        RocksDbEventLog::open(folder_.path() / "log", codec_, ids_, RocksDbEventLog::Mode::kWrite);
    EXPECT_TRUE(opened) << opened.error().message;
    log_ = *std::move(opened);
  }
  EventLog& log() override { return *log_; }

 private:
  TempFolder folder_;
  Codec codec_;
  SystemClock clock_;
  RandomIdSource ids_{clock_};
  std::unique_ptr<EventLog> log_;
};

using MakeAdapter = std::unique_ptr<Adapter> (*)();
template <typename A>
std::unique_ptr<Adapter> make() {
  return std::make_unique<A>();
}

class EventLogContract : public ::testing::TestWithParam<MakeAdapter> {
 protected:
  EventLog& log() { return adapter_->log(); }

  // Appends and commits one request for each slot number.
  void book(std::initializer_list<std::int64_t> schedules, std::string_view insured_id = "00001") {
    AppendBatch batch;
    std::uint64_t position = log().head().position.value();
    for (const std::int64_t schedule : schedules) {
      const AppointmentRequested data{
          ref(static_cast<unsigned char>(schedule), insured_id, slot("PE", schedule)), {}};
      batch.records.push_back(record_of(event_at(++position, data), log().identity()));
    }
    const auto head = log().append(batch);
    ASSERT_TRUE(head) << head.error().message;
    log().commit(head->position);
  }

  std::vector<std::uint64_t> positions(const TagQuery& query) {
    std::vector<std::uint64_t> seen;
    const Status read = log().read_tag(query, [&](const RecordView& record) {
      seen.push_back(record.position.value());
      return true;
    });
    EXPECT_TRUE(read) << read.error().message;
    return seen;
  }

  std::unique_ptr<Adapter> adapter_ = GetParam()();
};

TEST_P(EventLogContract, StartsAtItsGenesis) {
  EXPECT_EQ(log().head().position, Position{0});
  EXPECT_EQ(log().head().hash, log().identity().genesis());
  EXPECT_EQ(log().committed(), Position{0});
  EXPECT_EQ(read_one(log(), Position{1}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_one(log(), Position{0}).error().code, ErrorCode::kNotFound);
}

TEST_P(EventLogContract, PositionsAreGaplessAndTheChainHolds) {
  book({1, 2});
  book({3});
  Sha256 hash = log().identity().genesis();
  std::uint64_t expected = 0;
  ASSERT_TRUE(log().read(Position{0}, 100, [&](const RecordView& record) {
    EXPECT_EQ(record.position.value(), ++expected);
    hash = chain(hash, record.bytes);
    EXPECT_EQ(record.hash, hash);
    return true;
  }));
  EXPECT_EQ(expected, 3u);
  EXPECT_EQ(log().head(), (Head{log().epoch(), Position{3}, hash}));
}

TEST_P(EventLogContract, StoredBytesNeverChange) {
  const Event event = event_at(1, AppointmentRequested{ref(1), {}});
  const NewRecord record = record_of(event, log().identity());
  ASSERT_TRUE(log().append({{record}, {}}));
  log().commit(Position{1});
  book({2, 3});
  EXPECT_EQ(read_one(log(), Position{1})->bytes, record.bytes);
}

TEST_P(EventLogContract, ReadersSeeOnlyWhatIsCommitted) {
  const Event event = event_at(1, AppointmentRequested{ref(1), {}});
  ASSERT_TRUE(log().append({{record_of(event, log().identity())}, {}}));
  TagQuery query{.tag = insured_tag(insured("00001"))};
  EXPECT_EQ(log().head().position, Position{1});
  EXPECT_FALSE(read_one(log(), Position{1}));
  EXPECT_THAT(positions(query), IsEmpty());
  query.visibility = Visibility::kHead;
  EXPECT_THAT(positions(query), ElementsAre(1));
  log().commit(Position{1});
  query.visibility = Visibility::kCommitted;
  EXPECT_THAT(positions(query), ElementsAre(1));
  EXPECT_TRUE(read_one(log(), Position{1}));
}

TEST_P(EventLogContract, ReadsPagesOfAnySize) {
  book({1, 2, 3, 4, 5});
  for (const std::size_t limit : {1u, 2u, 3u, 100u}) {
    std::vector<std::uint64_t> seen;
    Position after{0};
    for (;;) {
      const std::size_t before = seen.size();
      ASSERT_TRUE(log().read(after, limit, [&](const RecordView& record) {
        seen.push_back(record.position.value());
        after = record.position;
        return true;
      }));
      EXPECT_LE(seen.size() - before, limit);
      if (seen.size() == before) break;
    }
    EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4, 5)) << "limit " << limit;
  }
  EXPECT_TRUE(log().read(Position{99}, 5, [](const RecordView&) {
    ADD_FAILURE() << "there is nothing behind the end";
    return true;
  }));
}

TEST_P(EventLogContract, AVisitorMayStop) {
  book({1, 2, 3});
  int visits = 0;
  ASSERT_TRUE(log().read(Position{0}, 100, [&](const RecordView&) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
  visits = 0;
  ASSERT_TRUE(log().read_tag({.tag = insured_tag(insured("00001"))},
                             [&](const RecordView&) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
}

TEST_P(EventLogContract, FindsByTagFromEitherEnd) {
  book({1, 2}, "00001");
  book({3}, "00002");
  book({4, 5}, "00001");
  TagQuery query{.tag = insured_tag(insured("00001"))};
  EXPECT_THAT(positions(query), ElementsAre(1, 2, 4, 5));
  query.direction = Direction::kBackward;
  EXPECT_THAT(positions(query), ElementsAre(5, 4, 2, 1));
  query.first = Position{2};
  query.last = Position{4};
  EXPECT_THAT(positions(query), ElementsAre(4, 2));
  query.direction = Direction::kForward;
  EXPECT_THAT(positions(query), ElementsAre(2, 4));
  EXPECT_THAT(positions({.tag = slot_tag(slot("PE", 3))}), ElementsAre(3));
  EXPECT_THAT(positions({.tag = insured_tag(insured("99999"))}), IsEmpty());
  EXPECT_THAT(positions({.tenant = TenantId{"other"}, .tag = query.tag}), IsEmpty());
}

TEST_P(EventLogContract, KeepsCommandOutcomes) {
  const CommandKey key = sha256({"key"});
  EXPECT_EQ(log().command_result(key), std::nullopt);
  ASSERT_TRUE(log().append({{}, {{key, "outcome"}}}));
  EXPECT_EQ(log().command_result(key), "outcome");
  EXPECT_EQ(log().head().position, Position{0}) << "an outcome alone appends no event";
}

TEST_P(EventLogContract, ListsOutcomesWhereTheyBecameKnown) {
  const auto append = [&](std::vector<CommandResult> results, std::uint64_t events) {
    AppendBatch batch{{}, std::move(results)};
    for (std::uint64_t i = 1; i <= events; ++i) {
      const Event event = event_at(log().head().position.value() + i,
                                   AppointmentRequested{ref(static_cast<unsigned char>(i)), {}});
      batch.records.push_back(record_of(event, log().identity()));
    }
    ASSERT_TRUE(log().append(batch));
  };
  append({{sha256({"b"}), "of 2", Position{2}}, {sha256({"a"}), "of 1", Position{1}}}, 2);
  append({{sha256({"c"}), "of 1 again", Position{1}}}, 0);
  append({{sha256({"d"}), "of 1 once more", Position{1}}, {sha256({"e"}), "of 3", Position{3}}}, 1);
  const auto listed = [&](std::uint64_t first, std::uint64_t last) {
    std::multimap<std::uint64_t, std::string> seen;
    EXPECT_TRUE(log().read_results(Position{first}, Position{last}, [&](const ListedResult& one) {
      EXPECT_EQ(log().command_result(one.key), std::string(one.value));
      EXPECT_TRUE(seen.empty() || seen.rbegin()->first <= one.position.value());
      seen.emplace(one.position.value(), one.value);
      return true;
    }));
    std::vector<std::string> values;
    for (const auto& [position, value] : seen) {
      values.push_back(std::to_string(position) + " " + value);
    }
    return values;
  };
  using ::testing::UnorderedElementsAre;
  EXPECT_THAT(listed(0, 9), UnorderedElementsAre("1 of 1", "2 of 2", "2 of 1 again",
                                                 "2 of 1 once more", "3 of 3"));
  EXPECT_THAT(listed(1, 1), ElementsAre("1 of 1"));
  EXPECT_THAT(listed(3, 3), ElementsAre("3 of 3"));
  EXPECT_THAT(listed(4, 9), IsEmpty());
}

TEST_P(EventLogContract, TellsListenersOfEveryCommit) {
  std::vector<std::uint64_t> told;
  log().add_commit_listener([&](Position position) { told.push_back(position.value()); });
  book({1, 2});
  book({3});
  EXPECT_THAT(told, ElementsAre(2, 3));
}

TEST_P(EventLogContract, RecordsTheRunningMaximumOfTime) {
  AppendBatch batch;
  for (std::uint64_t position = 1; position <= 3; ++position) {
    Event event = event_at(position, AppointmentRequested{ref(1), {}});
    event.time = kNow - std::chrono::hours{static_cast<int>(position)};
    batch.records.push_back(record_of(event, log().identity()));
  }
  ASSERT_TRUE(log().append(batch));
  log().commit(Position{3});
  for (std::uint64_t position = 1; position <= 3; ++position) {
    EXPECT_EQ(read_one(log(), Position{position})->running_maximum, kNow - std::chrono::hours{1});
  }
}

TEST_P(EventLogContract, ReadsWhileItIsWritten) {
  constexpr std::uint64_t kEvents = 300;
  std::jthread reader([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      const Position committed = log().committed();
      std::uint64_t seen = 0;
      ASSERT_TRUE(log().read(Position{0}, kEvents, [&](const RecordView& record) {
        EXPECT_EQ(record.position.value(), ++seen);
        return true;
      }));
      EXPECT_GE(seen, committed.value());
    }
  });
  for (std::uint64_t i = 0; i < kEvents / 3; ++i) book({1, 2, 3});
}

INSTANTIATE_TEST_SUITE_P(Adapters, EventLogContract,
                         ::testing::Values(&make<MemoryAdapter>, &make<RocksDbAdapter>),
                         [](const auto& param) { return param.index == 0 ? "Memory" : "RocksDb"; });

}  // namespace
}  // namespace citas

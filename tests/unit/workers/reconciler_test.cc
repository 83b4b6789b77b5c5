#include "workers/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workers/log_world.h"
#include "workers/memory/memory_bus.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

TEST(DueAttempt, DoublesUpToTheLongestPause) {
  const ReconcilerOptions options{.pending_after = seconds{15}, .longest_pause = seconds{120}};
  EXPECT_EQ(due_attempt(seconds{0}, options), 0U);
  EXPECT_EQ(due_attempt(milliseconds{14'999}, options), 0U);
  EXPECT_EQ(due_attempt(seconds{15}, options), 1U);
  EXPECT_EQ(due_attempt(seconds{29}, options), 1U);
  EXPECT_EQ(due_attempt(seconds{30}, options), 2U);
  EXPECT_EQ(due_attempt(seconds{60}, options), 3U);
  EXPECT_EQ(due_attempt(seconds{120}, options), 4U);
  EXPECT_EQ(due_attempt(seconds{239}, options), 4U);
  EXPECT_EQ(due_attempt(seconds{240}, options), 5U);
  EXPECT_EQ(due_attempt(seconds{360}, options), 6U);
  EXPECT_EQ(due_attempt(std::chrono::hours{24 * 3650}, options), 5U + (315'360'000U - 240U) / 120U);
}

class ReconcilerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ensure_streams(bus_));
    start({});
  }
  void start(const ReconcilerOptions& options) {
    reconciler_ =
        std::move(*Reconciler::open(world_.log, world_.pending, bus_, world_.clock, options));
  }
  void run(seconds time) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds{500}) {
      while (reconciler_->step().value()) {
      }
      world_.clock.advance(milliseconds{500});
    }
  }
  std::vector<std::string> sent() {
    std::vector<std::string> ids;
    for (std::uint64_t i = 1; i <= bus_.stream_info(kRedeliverStream)->last_sequence; ++i) {
      const auto message = broker_.message(kRedeliverStream, i).value();
      ids.emplace_back(find_header(message.headers, kMessageIdHeader).value());
    }
    return ids;
  }
  std::string event_id(std::size_t i) { return world_.events().at(i).id.value().to_string(); }

  LogWorld world_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  std::unique_ptr<Reconciler> reconciler_;
};

TEST_F(ReconcilerTest, WhatStaysPendingIsSentAgainAndAgainWithPauses) {
  world_.request(kChile);
  run(seconds{14});
  EXPECT_TRUE(sent().empty());
  run(seconds{3});
  EXPECT_THAT(sent(), ElementsAre(event_id(0) + "/1"));
  run(seconds{48});
  EXPECT_THAT(sent(), ElementsAre(event_id(0) + "/1", event_id(0) + "/2", event_id(0) + "/3"));
  const auto message = broker_.message(kRedeliverStream, 1).value();
  EXPECT_EQ(message.subject, "citas.redeliver.CL");
  EXPECT_EQ(message.payload, read_one(world_.log, Position{1})->bytes);
  EXPECT_EQ(find_header(message.headers, "ce-id"), event_id(0));
  EXPECT_EQ(reconciler_->redelivered().value(), 3U);
}

TEST_F(ReconcilerTest, WhatIsRetriedIsSentAtOnceAndBeforeAllOthers) {
  start({.max_per_scan = 1});
  const auto dead = world_.request(kPeru);
  for (int i = 0; i < 3; ++i) world_.request(kChile);
  const DeadLetterRecorded letter{.message_id = event_id(0),
                                  .consumer = "processor-PE",
                                  .country = kPeru,
                                  .reason = *ReasonCode::parse("processing_failed"),
                                  .attempts = 5,
                                  .appointment = dead,
                                  .payload_sha256 = "00"};
  ASSERT_TRUE(world_.execute(commands::RecordDeadLetter{letter, Position{0}}));
  run(seconds{16});
  EXPECT_THAT(sent(), testing::Not(testing::Contains(testing::StartsWith(event_id(0)))));
  ASSERT_TRUE(world_.retry());
  const std::size_t before = sent().size();
  run(seconds{1});
  const std::string retried = event_id(0) + "/r" + std::to_string(world_.log.committed().value());
  ASSERT_GT(sent().size(), before);
  EXPECT_EQ(sent().at(before), retried + "/1");
  run(seconds{20});
  EXPECT_THAT(sent(), testing::Contains(retried + "/2"));
  EXPECT_THAT(sent(), testing::Not(testing::Contains(event_id(0) + "/1")));
}

TEST_F(ReconcilerTest, WhatIsSettledIsLeftAlone) {
  world_.cancel(world_.request(kPeru));
  run(seconds{60});
  EXPECT_TRUE(sent().empty());
}

TEST_F(ReconcilerTest, ARestartSendsNothingTwice) {
  world_.request(kPeru);
  run(seconds{20});
  start({});
  run(seconds{5});
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(reconciler_->redelivered().value(), 0U) << "the bus had it already";
}

// Pauses are longer than a bus knows what it has had.
TEST_F(ReconcilerTest, EachAttemptIsSentOnce) {
  start({.longest_pause = minutes{30}});
  world_.request(kPeru);
  run(minutes{30});
  std::vector<std::string> expected;
  for (int i = 1; i <= 7; ++i) expected.push_back(event_id(0) + "/" + std::to_string(i));
  EXPECT_EQ(sent(), expected);
}

TEST_F(ReconcilerTest, WhatTheBusDoesNotTakeIsSentAgainAtOnce) {
  world_.request(kPeru);
  world_.request(kPeru);
  broker_.limit_storage(0);  // full after the first
  run(seconds{17});
  EXPECT_EQ(sent().size(), 1U);
  broker_.limit_storage({});
  run(seconds{2});
  EXPECT_THAT(sent(), ElementsAre(event_id(0) + "/1", event_id(1) + "/1"));
}

TEST_F(ReconcilerTest, ABusThatIsDownMeansLater) {
  world_.request(kPeru);
  broker_.set_up(false);
  run(seconds{20});
  broker_.set_up(true);
  run(seconds{5});
  EXPECT_EQ(sent().size(), 1U);
}

TEST_F(ReconcilerTest, WhatTheBusHasLostIsSentAgainAtOnce) {
  world_.request(kPeru);
  run(seconds{17});
  ASSERT_EQ(sent().size(), 1U);
  broker_.roll_back(kRedeliverStream, 0);
  run(seconds{2});
  EXPECT_THAT(sent(), ElementsAre(event_id(0) + "/1"));
  broker_.set_up(false);
  broker_.set_up(true);
  run(seconds{2});
  EXPECT_EQ(sent().size(), 1U) << "what it still has, it knows";
}

TEST_F(ReconcilerTest, EveryOneOfManyGetsItsTurnWithinTheBounds) {
  start({.page = 4, .max_per_scan = 10, .max_remembered = 8});
  for (int i = 0; i < 50; ++i) world_.request(kPeru);
  std::size_t before = 0;
  for (int second = 0; second < 28; ++second) {
    run(seconds{1});
    EXPECT_LE(sent().size(), before + 10);
    before = sent().size();
  }
  auto ids = sent();
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::unique(ids).begin() - ids.begin(), 50);
}

TEST_F(ReconcilerTest, WhatTheLogDoesNotKnowIsSkipped) {
  class Foreign final : public PendingAppointments {
   public:
    Result<std::vector<PendingRequest>> requested_before(Timestamp time,
                                                         const std::optional<PendingRequest>& after,
                                                         std::size_t) const override {
      if (after) return std::vector<PendingRequest>{};
      return std::vector<PendingRequest>{{kPeru, Position{99}, time - minutes{1}}};
    }
    Result<std::vector<PendingRequest>> retried(const std::optional<PendingRequest>&,
                                                std::size_t) const override {
      return std::vector<PendingRequest>{};
    }
  };
  const Foreign foreign;
  reconciler_ = std::move(*Reconciler::open(world_.log, foreign, bus_, world_.clock, {}));
  run(seconds{20});
  EXPECT_TRUE(sent().empty());
}

}  // namespace
}  // namespace citas::workers

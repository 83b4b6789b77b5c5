#include "projections/runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <utility>

#include "tests/support/forwarding_log.h"
#include "tests/unit/projections/read_model.h"
#include "tests/unit/projections/watched_store.h"

namespace citas::projections {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

constexpr std::size_t kBatch = 50;
constexpr Position kEnd{500};

// Tells when it comes to an event.
class Watched final : public Projection {
 public:
  std::string_view name() const override { return real_.name(); }
  std::uint32_t version() const override { return real_.version(); }
  Status apply(const Event& event, ReadModelBatch& batch) const override {
    if (event.position == awaited) on_awaited();
    return real_.apply(event, batch);
  }

  Position awaited;
  std::function<void()> on_awaited;

 private:
  const AppointmentsByInsured real_;
};

class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() { history_.random_steps(kEnd.value()); }

  ProjectionRunner runner_on(std::shared_ptr<ReadStore> store) {
    return {log_, codec_, projection_, std::move(store),
            initial_checkpoint(log_, model_of(projection_, codec_))};
  }
  static Status go_on(Position) { return {}; }

  // What steps make of the log.
  Entries expected() {
    const auto store = std::make_shared<MemoryReadStore>();
    ProjectionRunner runner = runner_on(store);
    while (runner.step(kBatch).value() > 0) {
    }
    return entries_of(*store);
  }

  const Codec codec_;
  MemoryEventLog log_{kTestLog};
  History history_{log_};
  Watched projection_;
  const std::shared_ptr<WatchedStore> store_ = std::make_shared<WatchedStore>();
};

TEST_F(RunnerTest, RunsToWhatStepsComeTo) {
  for (const std::size_t batch : {std::size_t{1}, std::size_t{7}, kBatch, std::size_t{1'000}}) {
    const auto store = std::make_shared<MemoryReadStore>();
    ProjectionRunner runner = runner_on(store);
    std::vector<Position> applied;
    ASSERT_TRUE(runner.run_to(kEnd, batch, [&](Position position) {
      applied.push_back(position);
      return Status{};
    }));
    EXPECT_EQ(applied.size(), (kEnd.value() + batch - 1) / batch);
    EXPECT_EQ(applied.back(), kEnd);
    EXPECT_EQ(runner.position(), kEnd);
    EXPECT_EQ(entries_of(*store), expected());
    EXPECT_EQ(store->checkpoint().value(), runner.checkpoint());
    EXPECT_EQ(runner.checkpoint().digest, digest_of(expected()));
  }
}

TEST_F(RunnerTest, GoesOnFromWhereItWasBroughtTo) {
  ProjectionRunner runner = runner_on(store_);
  ASSERT_TRUE(runner.run_to(Position{123}, kBatch, go_on));
  EXPECT_EQ(runner.position(), Position{123});
  ASSERT_EQ(runner.step(kBatch).value(), kBatch);
  ASSERT_TRUE(runner.run_to(kEnd, kBatch, go_on));
  EXPECT_EQ(entries_of(*store_), expected());
}

// The first commit and the event behind it wait for each other.
TEST_F(RunnerTest, AppliesWhatFollowsWhileACommitIsUnderWay) {
  std::promise<void> applying, committing;
  const auto meets = [](std::promise<void>& other) {
    return other.get_future().wait_for(std::chrono::minutes{1}) == std::future_status::ready;
  };
  std::atomic<int> met = 0;
  projection_.awaited = Position{kBatch + 1};
  projection_.on_awaited = [&] {
    applying.set_value();
    if (meets(committing)) ++met;
  };
  store_->on_commit = [&, first = true]() mutable -> Status {
    if (!std::exchange(first, false)) return {};
    committing.set_value();
    if (meets(applying)) ++met;
    return {};
  };
  ProjectionRunner runner = runner_on(store_);
  ASSERT_TRUE(runner.run_to(Position{2 * kBatch}, kBatch, go_on));
  EXPECT_EQ(met, 2);
}

TEST_F(RunnerTest, AfterAFailedCommitItGoesOnFromTheOneBefore) {
  int commits = 0;
  store_->on_commit = [&]() -> Status {
    if (++commits == 3) return failure(ErrorCode::kUnavailable, "no space");
    return {};
  };
  ProjectionRunner runner = runner_on(store_);
  EXPECT_EQ(runner.run_to(kEnd, kBatch, go_on).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(runner.position(), Position{2 * kBatch});
  EXPECT_EQ(store_->checkpoint().value(), runner.checkpoint());
  EXPECT_EQ(commits, 3);

  ASSERT_TRUE(runner.run_to(kEnd, kBatch, go_on));
  EXPECT_EQ(entries_of(*store_), expected());
  EXPECT_EQ(runner.checkpoint().digest, digest_of(expected()));
}

TEST_F(RunnerTest, StoppedItHasCommittedWhatItApplied) {
  ProjectionRunner runner = runner_on(store_);
  const auto stopped = runner.run_to(kEnd, kBatch, [](Position applied) -> Status {
    if (applied < Position{3 * kBatch}) return {};
    return failure(ErrorCode::kUnavailable, "stopped");
  });
  EXPECT_EQ(stopped.error().message, "stopped");
  EXPECT_EQ(runner.position(), Position{3 * kBatch});
  ASSERT_TRUE(runner.run_to(kEnd, kBatch, go_on));
  EXPECT_EQ(entries_of(*store_), expected());
}

// A log that cannot be read for once, behind some event.
class FailingLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;

  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    bool failed = false;
    const Status read = ForwardingLog::read(after, limit, [&](const RecordView& record) {
      failed = record.position == fails_once_at;
      return !failed && visit(record);
    });
    if (!failed) return read;
    fails_once_at = Position{};
    return failure(ErrorCode::kUnavailable, "the log was told to fail");
  }

  mutable Position fails_once_at;
};

// What had been applied of the batch by then is not applied again on top of itself.
TEST_F(RunnerTest, AfterAFailedReadItGoesOnFromTheCommitBefore) {
  FailingLog log(log_);
  for (const bool steps : {true, false}) {
    const auto store = std::make_shared<MemoryReadStore>();
    ProjectionRunner runner(log, codec_, projection_, store,
                            initial_checkpoint(log, model_of(projection_, codec_)));
    log.fails_once_at = Position{kBatch + kBatch / 2};
    const auto run = [&]() -> Status {
      if (!steps) return runner.run_to(kEnd, kBatch, go_on);
      for (;;) {
        const auto applied = runner.step(kBatch);
        if (!applied) return failure(applied.error());
        if (*applied == 0) return {};
      }
    };
    EXPECT_EQ(run().error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(runner.position(), Position{kBatch});
    const Status again = run();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(entries_of(*store), expected());
    EXPECT_EQ(runner.checkpoint().digest, digest_of(expected()));
  }
}

// What a checkpoint tells apart.
TEST_F(RunnerTest, AModelIsOfItsProjectionsVersionAndOfItsCodecs) {
  class Newer final : public Projection {
   public:
    std::string_view name() const override { return "newer"; }
    std::uint32_t version() const override { return 7; }
    Status apply(const Event&, ReadModelBatch&) const override { return {}; }
  };
  const Codec codec(
      {{"citas.appointment.requested.v0", "citas.appointment.requested.v1", nullptr}});
  EXPECT_EQ(model_of(Newer(), codec),
            (ModelVersion{.name = "newer", .version = 7, .codec_revision = 1}));
}

TEST_F(RunnerTest, ATargetBehindTheLogIsAnError) {
  ProjectionRunner runner = runner_on(store_);
  const auto ran = runner.run_to(Position{kEnd.value() + 1}, kBatch, go_on);
  EXPECT_EQ(ran.error().code, ErrorCode::kCorruption);
  EXPECT_EQ(runner.position(), kEnd);
}

}  // namespace
}  // namespace citas::projections

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "projections/appointments/appointments_query.h"
#include "projections/driver.h"
#include "projections/memory/memory_generations.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/projections/read_model.h"
#include "tests/unit/projections/watched_store.h"

namespace citas::projections {
namespace {

namespace fs = std::filesystem;
using namespace citas::testing;  // NOLINT: the vocabulary of these tests

constexpr std::string_view kAppointments = AppointmentsByInsured::kName;

class RebuildTest : public ::testing::TestWithParam<bool> {
 protected:
  RebuildTest() {
    if (GetParam()) {
      generations_ = std::make_unique<RocksDbGenerations>(folder_.path());
    } else {
      generations_ = std::make_unique<MemoryGenerations>();
    }
    engine_ = open_engine(log_, codec_, clock_, *generations_, {.max_batch = 50});
    history_.random_steps(500);
    catch_up(*engine_);
  }

  Result<RebuildReport> rebuild(const ProgressCallback& on_progress = {},
                                std::stop_token stop = {}) {
    return engine_->rebuild(kAppointments, std::move(stop), on_progress);
  }
  LiveProjection& live() { return engine_->live(kAppointments); }
  std::shared_ptr<ReadStore> live_store() {
    return std::const_pointer_cast<ReadStore>(live().store().value());
  }
  std::vector<Generation> kept() { return generations_->list(kAppointments).value(); }

  // Changes what is stored behind the engine's back.
  void damage(const std::vector<Mutation>& mutations) {
    const auto store = live_store();
    ASSERT_TRUE(store->commit(mutations, *store->checkpoint().value()));
  }

  TempFolder folder_;
  const Codec codec_;
  ManualClock clock_{kNow};
  MemoryEventLog log_{kTestLog};
  History history_{log_};
  std::unique_ptr<Generations> generations_;
  std::unique_ptr<ProjectionEngine> engine_;
};

TEST_P(RebuildTest, AHealthyReadModelIsRebuiltIdentically) {
  const auto before = entries_of(*live_store());
  const auto report = rebuild().value();
  EXPECT_TRUE(report.is_identical());
  EXPECT_EQ(report.events, 500u);
  EXPECT_EQ(report.generation, Generation{2});
  EXPECT_EQ(report.checkpoint.digest, digest_of(before));
  EXPECT_EQ(entries_of(*live_store()), before);
  EXPECT_EQ(live().position(), Position{500});
  EXPECT_THAT(kept(), ::testing::ElementsAre(Generation{2}));
}

TEST_P(RebuildTest, TheNewGenerationGoesOn) {
  ASSERT_TRUE(rebuild());
  history_.random_steps(10);
  catch_up(*engine_);
  EXPECT_EQ(live().position(), Position{510});
  const auto checkpoint = live_store()->checkpoint().value().value();
  EXPECT_EQ(checkpoint.head.position, Position{510});
  EXPECT_EQ(checkpoint.digest, digest_of(entries_of(*live_store())));
}

TEST_P(RebuildTest, AWrongReadModelIsReportedAndMended) {
  const auto good = entries_of(*live_store());
  const std::string changed = good.begin()->first;
  const std::string missing = std::next(good.begin())->first;
  damage({{changed, "damaged"}, {missing, std::nullopt}, {"zzz", "extra"}});
  const auto report = rebuild().value();
  EXPECT_FALSE(report.is_identical());
  EXPECT_EQ(report.differences, (Differences{.missing = 1, .extra = 1, .changed = 1}));
  EXPECT_EQ(entries_of(*live_store()), good);
}

TEST_P(RebuildTest, ProgressRunsToTheEnd) {
  std::vector<Progress> seen;
  ASSERT_TRUE(rebuild([&](const Progress& progress) {
    seen.push_back(progress);
    EXPECT_EQ(engine_->status()[0].rebuild->done, progress.done);
  }));
  EXPECT_EQ(seen.front().done, 0u);
  EXPECT_EQ(seen.back().done, 500u);
  EXPECT_EQ(seen.back().total, 500u);
  EXPECT_FALSE(engine_->status()[0].rebuild.has_value());
}

TEST_P(RebuildTest, ACancelledRebuildLeavesTheOldOneServing) {
  std::stop_source stop;
  const auto old = live_store();
  const auto report = rebuild([&](const Progress&) { stop.request_stop(); }, stop.get_token());
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(live_store(), old);
  EXPECT_THAT(kept(), ::testing::ElementsAre(Generation{1}));
  EXPECT_TRUE(rebuild());
}

TEST_P(RebuildTest, OnlyOneAtATime) {
  std::optional<ErrorCode> second;
  ASSERT_TRUE(rebuild([&](const Progress&) {
    if (!second) second = rebuild().error().code;
  }));
  EXPECT_EQ(second, ErrorCode::kConflict);
  EXPECT_EQ(engine_->rebuild("unknown", {}, {}).error().code, ErrorCode::kNotFound);
}

TEST_P(RebuildTest, WhatIsWrittenMeanwhileIsInIt) {
  const auto report = rebuild([&](const Progress&) {
    history_.random_steps(7);
    catch_up(*engine_);
  });
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->is_identical());
  EXPECT_GT(report->events, 500u);
  catch_up(*engine_);
  const auto expected = std::make_shared<MemoryReadStore>();
  ASSERT_TRUE(replay(log_, codec_, clock_, AppointmentsByInsured(), expected, log_.committed()));
  EXPECT_EQ(entries_of(*live_store()), entries_of(*expected));
}

TEST_P(RebuildTest, ReadersOfTheOldGenerationFinishUndisturbed) {
  const auto old = live_store();
  const auto before = entries_of(*old);
  const auto view = old->view().value();
  ASSERT_TRUE(rebuild());
  history_.random_steps(100);
  catch_up(*engine_);
  EXPECT_NE(live_store(), old);
  EXPECT_EQ(entries_of(*old), before);
  EXPECT_EQ(view->position(), Position{500});
}

// Every list that a reader gets is one that was true at the position it names.
TEST_P(RebuildTest, ReadersAndAWriterMeetManySwaps) {
  CommitSignal committed;
  log_.add_commit_listener([&](Position position) { committed.advance(position); });
  std::optional<ProjectionDriver> driver(
      std::in_place, *engine_, committed,
      [](auto, const Error& error) { ADD_FAILURE() << error.message; });
  const AppointmentsQuery query(live(), log_, codec_);
  std::atomic<int> reads{0};
  std::vector<std::jthread> threads;
  for (int reader = 0; reader < 3; ++reader) {
    threads.emplace_back([&, reader](std::stop_token stop) {
      const InsuredId id = insured("0000" + std::to_string(reader));
      // One page is read each time, the other is kept while nothing changes.
      const AppointmentsPageRequest request{reader == 0 ? 5 : kDefaultPageLimit};
      Position reached;
      while (!stop.stop_requested()) {
        const auto page = query.list(kDefaultTenant, id, {}, request);
        ASSERT_TRUE(page) << page.error().message;
        ASSERT_GE(page->reflected, reached);
        reached = page->reflected;
        if (++reads % 64 == 0) {
          const auto then = query.list_as_of(reached, kDefaultTenant, id, {}, request);
          ASSERT_EQ(page->appointments, then.value().appointments);
          ASSERT_EQ(page->total, then.value().total);
          ASSERT_EQ(page->last_changed, then.value().last_changed);
        }
      }
    });
  }
  std::jthread writer([&](std::stop_token stop) {
    while (!stop.stop_requested() && log_.committed() < Position{3'000}) history_.random_step();
  });
  for (int round = 0; round < 5; ++round) {
    const auto report = rebuild();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->is_identical());
  }
  writer = {};
  threads.clear();
  driver.reset();
  EXPECT_GT(reads, 0);
  EXPECT_THAT(kept(), ::testing::ElementsAre(Generation{6}));
}

INSTANTIATE_TEST_SUITE_P(Stores, RebuildTest, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "OnDisk" : "InMemory"; });

// Their new stores are unreadable, once told.
class UnreadableGenerations final : public MemoryGenerations {
 public:
  void make_unreadable() { unreadable_ = true; }

  Result<std::shared_ptr<ReadStore>> create(std::string_view name, Generation number) override {
    auto created = MemoryGenerations::create(name, number);
    if (!created || !unreadable_) return created;
    const auto store = std::make_shared<citas::testing::WatchedStore>();
    store->unreadable = true;
    return store;
  }

 private:
  bool unreadable_ = false;
};

// What is told as failed has replaced nothing.
TEST(RebuildOfUnreadableTest, AShadowThatCannotBeReadNeverServes) {
  MemoryEventLog log(kTestLog);
  History(log).random_steps(50);
  const Codec codec;
  const ManualClock clock{kNow};
  UnreadableGenerations generations;
  const auto engine = open_engine(log, codec, clock, generations);
  catch_up(*engine);
  const auto serving = engine->live(kAppointments).store().value();
  generations.make_unreadable();
  const auto report = engine->rebuild(kAppointments, {}, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCorruption);
  EXPECT_EQ(engine->live(kAppointments).store().value(), serving);
  EXPECT_THAT(generations.list(kAppointments).value(), ::testing::ElementsAre(Generation{1}));
  EXPECT_EQ(generations.current(kAppointments).value(), Generation{1});
}

// A disk that replaces the pointer, but then cannot sync its folder: so many times.
class UnsyncedPointers final : public Generations {
 public:
  explicit UnsyncedPointers(Generations& disk) : disk_(disk) {}

  void fail(int times) { left_ = times; }

  Result<std::optional<Generation>> current(std::string_view name) const override {
    return disk_.current(name);
  }
  Result<std::vector<Generation>> list(std::string_view name) const override {
    return disk_.list(name);
  }
  Result<std::shared_ptr<ReadStore>> create(std::string_view name, Generation number) override {
    return disk_.create(name, number);
  }
  Result<std::shared_ptr<ReadStore>> open(std::string_view name, Generation number) override {
    return disk_.open(name, number);
  }
  Result<std::shared_ptr<const ReadStore>> open_read_only(std::string_view name,
                                                          Generation number) const override {
    return disk_.open_read_only(name, number);
  }
  Status make_current(std::string_view name, Generation number) override {
    const Status made = disk_.make_current(name, number);
    if (!made || left_ == 0) return made;
    --left_;
    return failure(ErrorCode::kUnavailable, "the disk was told to fail");
  }
  Status remove(std::string_view name, Generation number) override {
    return disk_.remove(name, number);
  }

 private:
  Generations& disk_;
  int left_ = 0;
};

class RebuildOnDiskTest : public ::testing::Test {
 protected:
  std::unique_ptr<ProjectionEngine> open_engine(Generations& generations) const {
    return testing::open_engine(log_, codec_, clock_, generations);
  }

  const TempFolder folder_;
  const Codec codec_;
  const ManualClock clock_{kNow};
  MemoryEventLog log_{kTestLog};
  History history_{log_};
  const fs::path first_ = folder_.path() / kAppointments / "00000001";
};

// What no commit ever wrote: bytes flipped on the disk.
TEST_F(RebuildOnDiskTest, AnUnreadableReadModelIsReportedAndMended) {
  history_.random_steps(500);
  {
    RocksDbGenerations generations(folder_.path());
    catch_up(*open_engine(generations));
  }
  for (const auto& entry : fs::directory_iterator(first_)) {
    if (entry.path().extension() != ".sst" || entry.file_size() < 10'000) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
    file << "damaged";
  }
  RocksDbGenerations generations(folder_.path());
  const auto engine = open_engine(generations);
  ASSERT_TRUE(engine->is_serving());
  const auto report = engine->rebuild(kAppointments, {}, {}).value();
  EXPECT_FALSE(report.is_identical());
  ASSERT_TRUE(report.unreadable);
  EXPECT_EQ(report.unreadable->code, ErrorCode::kCorruption);
  EXPECT_TRUE(engine->rebuild(kAppointments, {}, {}).value().is_identical());
}

// Whether the pointer comes back to the old generation, or that fails as well.
TEST_F(RebuildOnDiskTest, APointerThatCouldNotBeSyncedNamesAGenerationThatExists) {
  history_.random_steps(100);
  for (const int failures : {1, 2}) {
    {
      RocksDbGenerations disk(folder_.path());
      UnsyncedPointers generations(disk);
      const auto engine = open_engine(generations);
      catch_up(*engine);
      generations.fail(failures);
      const auto report = engine->rebuild(kAppointments, {}, {});
      ASSERT_FALSE(report);
      EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
      EXPECT_TRUE(engine->live(kAppointments).is_serving()) << "the old one";
    }
    RocksDbGenerations disk(folder_.path());
    const auto left = disk.list(kAppointments).value();
    const auto current = disk.current(kAppointments).value();
    EXPECT_EQ(left.size(), static_cast<std::size_t>(failures)) << "the shadow, if not certain";
    ASSERT_TRUE(current);
    EXPECT_THAT(left, ::testing::Contains(*current));
    const auto reopened = open_engine(disk);
    EXPECT_EQ(reopened->live(kAppointments).position(), Position{100}) << "not built again";
    EXPECT_THAT(disk.list(kAppointments).value(), ::testing::ElementsAre(*current));
  }
}

TEST_F(RebuildOnDiskTest, TheOldGenerationIsDeletedWithItsLastReader) {
  history_.random_steps(100);
  RocksDbGenerations generations(folder_.path());
  const auto engine = open_engine(generations);
  catch_up(*engine);
  auto reader = engine->live(kAppointments).store().value();
  ASSERT_TRUE(engine->rebuild(kAppointments, {}, {}));
  EXPECT_TRUE(fs::exists(first_));
  reader.reset();
  EXPECT_FALSE(fs::exists(first_));
}

}  // namespace
}  // namespace citas::projections

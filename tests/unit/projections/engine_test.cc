#include "projections/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/inspect.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

using citas::testing::catch_up;
using citas::testing::entries_of;
using citas::testing::History;
using citas::testing::kNow;
using citas::testing::kTestLog;
using citas::testing::open_engine;
using citas::testing::ReadModel;
using citas::testing::slot;
using ::testing::ElementsAre;

constexpr std::string_view kAppointments = AppointmentsByInsured::kName;

TEST(EngineTest, AppliesEachEventOnce) {
  ReadModel model;
  model.history.random_steps(100);
  EXPECT_EQ(model.engine->step(kAppointments), 100u);
  EXPECT_EQ(model.engine->step(kAppointments), 0u);
  EXPECT_EQ(model.appointments().position(), Position{100});
}

TEST(EngineTest, StepsAtMostOneBatch) {
  ReadModel model;
  model.history.random_steps(25);
  const auto engine =
      open_engine(model.log, model.codec, model.clock, model.generations, {.max_batch = 10});
  EXPECT_EQ(engine->step(kAppointments), 10u);
  EXPECT_EQ(engine->step(kAppointments), 10u);
  EXPECT_EQ(engine->step(kAppointments), 5u);
}

TEST(EngineTest, ListenersHearOfEachCommit) {
  ReadModel model;
  std::vector<Position> heard;
  model.engine->live(kAppointments).add_listener([&](Position position) {
    EXPECT_EQ(model.appointments().position(), position);
    heard.push_back(position);
  });
  model.history.random_steps(3);
  model.catch_up();
  model.history.random_step();
  model.catch_up();
  EXPECT_THAT(heard, ElementsAre(Position{3}, Position{4}));
}

TEST(EngineTest, DoesNotServeBeforeItHasCaughtUpWithTheLogItFound) {
  MemoryEventLog log(kTestLog);
  History history(log);
  history.random_steps(25);
  const Codec codec;
  const ManualClock clock(kNow);
  MemoryGenerations generations;
  const auto engine = open_engine(log, codec, clock, generations, {.max_batch = 10});
  const LiveProjection& live = engine->live(kAppointments);
  history.random_steps(10);
  for (const bool serving : {false, false, true, true}) {
    ASSERT_TRUE(engine->step(kAppointments));
    EXPECT_EQ(live.is_serving(), serving) << live.position().value();
    EXPECT_EQ(live.store().has_value(), serving);
  }
  EXPECT_FALSE(engine->is_serving());  // the other one has not begun
  catch_up(*engine);
  EXPECT_TRUE(engine->is_serving());
}

TEST(EngineTest, NotServingYetIsUnavailable) {
  MemoryEventLog log(kTestLog);
  History(log).random_steps(5);
  const Codec codec;
  const ManualClock clock(kNow);
  MemoryGenerations generations;
  const auto engine = open_engine(log, codec, clock, generations);
  EXPECT_EQ(engine->live(kAppointments).store().error().code, ErrorCode::kUnavailable);
}

TEST(EngineTest, LagIsToldInEventsAndTime) {
  ReadModel model;
  model.clock.advance(std::chrono::seconds{5'000});
  EXPECT_EQ(model.engine->status()[0].lag_events, 0u);
  EXPECT_EQ(model.engine->status()[0].lag, std::chrono::milliseconds{0});
  Event event = model.history.next_event(AppointmentRequested{citas::testing::ref(1), {}});
  event.time = kNow + std::chrono::seconds{4'000};
  model.history.append_event(event);
  EXPECT_EQ(model.engine->status()[0].lag_events, 1u);
  EXPECT_EQ(model.engine->status()[0].lag, std::chrono::seconds{1'000});
  model.clock.set_wall_time(kNow);  // back, to before the event
  EXPECT_EQ(model.engine->status()[0].lag, std::chrono::milliseconds{0});
  model.catch_up();
  EXPECT_EQ(model.engine->status()[0].lag_events, 0u);
  EXPECT_TRUE(model.engine->status()[0].serving);
}

TEST(EngineTest, AnImpossibleEventStopsItsProjectionAndChangesNothing) {
  ReadModel model;
  const AppointmentRef made = model.history.request("00001", slot("PE", 1));
  model.catch_up();
  const auto before = entries_of(**model.appointments().store());
  model.history.confirm(made);
  model.history.confirm(citas::testing::ref(77));
  EXPECT_EQ(model.engine->step(kAppointments).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(model.appointments().position(), Position{1});
  EXPECT_EQ(entries_of(**model.appointments().store()), before);
  EXPECT_EQ(model.engine->step(kAppointments).error().code, ErrorCode::kCorruption);
}

TEST(EngineTest, InspectingTellsWhatIsOnDiskAndChangesNothing) {
  const citas::testing::TempFolder folder;
  MemoryEventLog log(kTestLog);
  History(log).random_steps(30);
  const Codec codec;
  const ManualClock clock(kNow);
  const std::vector<std::string> names{std::string(kAppointments), "unknown"};
  const RocksDbGenerations other(folder.path() / "projections");
  EXPECT_EQ(inspect(other, names)[0].generation, std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "projections"));

  ContentDigest digest;
  {
    RocksDbGenerations generations(folder.path() / "projections");
    const auto engine = open_engine(log, codec, clock, generations);
    catch_up(*engine);
    digest = engine->status()[0].checkpoint.digest;
  }
  const auto stored = inspect(other, names);
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_EQ(stored[0].generation, Generation{1});
  EXPECT_EQ(stored[0].checkpoint.value()->head.position, Position{30});
  EXPECT_EQ(stored[0].checkpoint.value()->digest, digest);
  EXPECT_EQ(stored[1].generation, std::nullopt);
}

}  // namespace
}  // namespace citas::projections

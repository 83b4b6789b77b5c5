#include "projections/replay.h"

#include <gtest/gtest.h>

#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/projections/read_model.h"

namespace citas::projections {
namespace {

using citas::testing::catch_up;
using citas::testing::digest_of;
using citas::testing::entries_of;
using citas::testing::open_engine;
using citas::testing::ReadModel;
using citas::testing::TempFolder;

// Whether a live read model was filled event by event or in one batch, in memory or on disk, a
// replay gives the same bytes.
TEST(ReplayTest, GivesWhatServesByteForByte) {
  const TempFolder folder;
  ReadModel model(3);
  model.history.random_steps(1'000);
  RocksDbGenerations on_disk(folder.path());
  for (Generations* generations :
       {static_cast<Generations*>(&model.generations), static_cast<Generations*>(&on_disk)}) {
    for (const std::size_t max_batch : {1, 7, 10'000}) {
      const auto engine =
          open_engine(model.log, model.codec, model.clock, *generations, {.max_batch = max_batch});
      catch_up(*engine);
      for (const auto& projection : all_projections()) {
        const auto replayed = std::make_shared<MemoryReadStore>();
        const auto result = replay(model.log, model.codec, model.clock, *projection, replayed,
                                   Position{UINT64_MAX});
        ASSERT_TRUE(result) << result.error().message;
        const auto live = engine->live(projection->name()).store().value();
        EXPECT_EQ(live->checkpoint().value(), result->checkpoint);
        EXPECT_EQ(entries_of(*live), entries_of(*replayed));
        EXPECT_EQ(result->checkpoint.digest, digest_of(entries_of(*replayed)));
        EXPECT_EQ(result->checkpoint.entries, entries_of(*replayed).size());
      }
      // The next round begins from nothing.
      for (const auto& name : engine->names()) {
        EXPECT_TRUE(generations->make_current(name, Generation{999'999}));
      }
    }
  }
}

TEST(ReplayTest, GoesAsFarAsItIsTold) {
  ReadModel model;
  model.history.random_steps(50);
  const AppointmentsByInsured projection;
  for (const std::uint64_t until : {0, 1, 49, 50, 51}) {
    const auto result = replay(model.log, model.codec, model.clock, projection,
                               std::make_shared<MemoryReadStore>(), Position{until});
    const std::uint64_t reached = std::min<std::uint64_t>(until, 50);
    EXPECT_EQ(result.value().checkpoint.head.position, Position{reached});
    EXPECT_EQ(result.value().events, reached);
  }
}

TEST(ReplayTest, TellsItsProgressAndStopsWhenTold) {
  ReadModel model;
  model.history.random_steps(20'000);
  const AppointmentsByInsured projection;
  std::stop_source stop;
  std::uint64_t done = 0;
  const auto result =
      replay(model.log, model.codec, model.clock, projection, std::make_shared<MemoryReadStore>(),
             Position{UINT64_MAX}, stop.get_token(), [&](const Progress& progress) {
               EXPECT_GT(progress.done, done);
               EXPECT_EQ(progress.total, 20'000u);
               done = progress.done;
               stop.request_stop();
             });
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(done, 20'000u);
}

}  // namespace
}  // namespace citas::projections

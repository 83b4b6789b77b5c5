// Given a read model that turns out to be damaged, when a rebuild fails, then there is another.
#include "ops/citas/projections_admin.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "events/memory/memory_event_log.h"
#include "projections/memory/memory_generations.h"
#include "projections/pending/pending_appointments.h"

namespace citas::ops {
namespace {

using namespace std::chrono_literals;
using State = api::Rebuild::State;

constexpr std::string_view kName = projections::PendingAppointments::kName;
const Error kDamage{ErrorCode::kCorruption, "a block has another checksum"};

// On a disk that does not always let a generation be made.
class FullGenerations final : public projections::MemoryGenerations {
 public:
  Result<std::shared_ptr<projections::ReadStore>> create(std::string_view name,
                                                         projections::Generation number) override {
    ++asked;
    if (is_full) return failure(ErrorCode::kStorageFull, "no space left on device");
    return MemoryGenerations::create(name, number);
  }

  std::atomic<bool> is_full{false};
  std::atomic<int> asked{0};
};

class ProjectionsAdminTest : public testing::Test {
 protected:
  static std::vector<std::unique_ptr<const projections::Projection>> models() {
    std::vector<std::unique_ptr<const projections::Projection>> all;
    all.push_back(std::make_unique<projections::PendingAppointments>());
    return all;
  }
  // The rebuild that comes of it, when it has ended.
  State mend() {
    admin_.mend(std::string(kName), kDamage);
    for (;;) {
      const auto rebuild = admin_.list().at(0).rebuild;
      if (rebuild && rebuild->state != State::kRunning) return rebuild->state;
      std::this_thread::yield();
    }
  }

  ManualClock clock_{Timestamp{}};
  Codec codec_;
  MemoryEventLog log_{LogIdentity{LogId{}}};
  FullGenerations generations_;
  std::unique_ptr<projections::ProjectionEngine> engine_ =
      *projections::ProjectionEngine::open(log_, codec_, clock_, generations_, models(), {});
  JsonLog json_log_{LogLevel::kError};
  ProjectionsAdmin admin_{*engine_, json_log_, clock_};
};

TEST_F(ProjectionsAdminTest, ARebuildThatFailedIsTriedAgainLaterAndLater) {
  generations_.is_full = true;
  EXPECT_EQ(mend(), State::kFailed);
  EXPECT_EQ(generations_.asked, 2);
  clock_.advance(ProjectionsAdmin::kMendingPause);
  EXPECT_EQ(mend(), State::kFailed);
  EXPECT_EQ(generations_.asked, 3);
  clock_.advance(ProjectionsAdmin::kMendingPause);
  EXPECT_EQ(mend(), State::kFailed);
  EXPECT_EQ(generations_.asked, 3) << "not again before twice the pause";
  generations_.is_full = false;
  clock_.advance(ProjectionsAdmin::kMendingPause);
  EXPECT_EQ(mend(), State::kCompleted);
}

TEST_F(ProjectionsAdminTest, WhatWasMendedIsLeftAloneForAWhile) {
  EXPECT_EQ(mend(), State::kCompleted);
  EXPECT_EQ(mend(), State::kCompleted);
  EXPECT_EQ(generations_.asked, 2);
  clock_.advance(ProjectionsAdmin::kMendingPause);
  EXPECT_EQ(mend(), State::kCompleted);
  EXPECT_EQ(generations_.asked, 3);
}

}  // namespace
}  // namespace citas::ops

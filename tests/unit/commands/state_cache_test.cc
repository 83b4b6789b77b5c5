// The states that decisions rest on: what they cost to load, and that those of a batch stay.
#include "commands/state_cache.h"

#include <gtest/gtest.h>

#include "events/memory/memory_event_log.h"
#include "tests/support/events.h"
#include "tests/unit/commands/counting_log.h"

namespace citas::commands {
namespace {

using namespace citas::testing;  // NOLINT: the vocabulary of these tests

class StateCacheTest : public ::testing::Test {
 protected:
  Event next(EventData data) {
    return event_at(disk_.head().position.value() + 1, std::move(data));
  }
  void append(EventData data) {
    AppendBatch batch;
    batch.records.push_back(record_of(next(std::move(data))));
    disk_.commit(disk_.append(batch).value().position);
  }
  // One appointment after the other in the same slot: requested, confirmed, cancelled.
  void append_visits(int count) {
    for (int i = 0; i < count; ++i) {
      append(AppointmentRequested{ref(1), {}});
      append(AppointmentConfirmed{ref(1), RegistrationId{uuid(42)}});
      append(AppointmentCancelled{ref(1), {}});
    }
  }
  // What it costs somebody who remembers nothing.
  int visits_of_a_slot() {
    StateCache cold(log_, codec_, 0);
    EXPECT_TRUE(cold.slot(kDefaultTenant, slot_));
    return log_.take_visits();
  }

  const Slot slot_ = slot("PE", 100);
  const Codec codec_;
  MemoryEventLog disk_{kTestLog};
  CountingLog log_{disk_};
};

TEST_F(StateCacheTest, ASlotIsLoadedFromItsLastDecisionOnly) {
  EXPECT_EQ(visits_of_a_slot(), 0);
  append_visits(1);
  EXPECT_EQ(visits_of_a_slot(), 1);
  append_visits(1'000);
  EXPECT_EQ(visits_of_a_slot(), 1) << "of 3,003 events";
  append(AppointmentRequested{ref(1), {}});
  append(AppointmentConfirmed{ref(1), RegistrationId{uuid(42)}});
  EXPECT_EQ(visits_of_a_slot(), 2) << "the confirmation does not decide who holds it";
}

TEST_F(StateCacheTest, WhatIsKnownIsNotLoadedAgain) {
  append_visits(1);
  StateCache cache(log_, codec_, 100);
  const auto loaded = cache.slot(kDefaultTenant, slot_);
  log_.take_visits();
  cache.trim();
  const auto known = cache.slot(kDefaultTenant, slot_);
  EXPECT_EQ(log_.take_visits(), 0);
  EXPECT_EQ(known.value().holder.has_value(), loaded.value().holder.has_value());
}

// Twice the states that fill half of it are the most that it keeps.
TEST_F(StateCacheTest, WhatIsAskedForStaysAndAllElseGoesInTheEnd) {
  append_visits(1);
  const Slot other = slot("CL", 100);
  append(AppointmentRequested{ref(2, "00001", other), {}});
  StateCache cache(log_, codec_, 4);
  ASSERT_TRUE(cache.slot(kDefaultTenant, other));
  for (int round = 1; round <= 20; ++round) {
    ASSERT_TRUE(cache.slot(kDefaultTenant, slot_));
    EXPECT_EQ(log_.take_visits(), round == 1 ? 2 : 0) << "of both, the first time";
    ASSERT_TRUE(cache.slot(kDefaultTenant, slot("PE", 1'000 + round)));
    cache.trim();
  }
  ASSERT_TRUE(cache.slot(kDefaultTenant, other));
  EXPECT_EQ(log_.take_visits(), 1);
}

TEST_F(StateCacheTest, WhatABatchHasAppliedStaysUntilTheLogHasIt) {
  StateCache cache(log_, codec_, 0);
  ASSERT_TRUE(cache.apply(next(AppointmentRequested{ref(1), {}})));
  for (int i = 1; i <= 100; ++i) ASSERT_TRUE(cache.slot(kDefaultTenant, slot("CL", i)));
  EXPECT_TRUE(cache.slot(kDefaultTenant, slot_).value().holder.has_value());
}

TEST_F(StateCacheTest, WhatWasForgottenIsLoadedAsItWas) {
  StateCache cache(log_, codec_, 0);
  ASSERT_TRUE(cache.apply(next(AppointmentRequested{ref(1), {}})));
  append(AppointmentRequested{ref(1), {}});
  const auto before = cache.slot(kDefaultTenant, slot_);
  for (int i = 0; i < 2; ++i) cache.trim();
  log_.take_visits();
  const auto after = cache.slot(kDefaultTenant, slot_);
  EXPECT_EQ(log_.take_visits(), 1);
  ASSERT_TRUE(after.value().holder.has_value());
  EXPECT_EQ(after.value().holder->ref, before.value().holder->ref);
  EXPECT_EQ(after.value().holder->changed_at, before.value().holder->changed_at);
}

}  // namespace
}  // namespace citas::commands

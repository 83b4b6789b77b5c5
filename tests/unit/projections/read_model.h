// A log in memory and the read models made of it, for tests. Header-only.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "events/memory/memory_event_log.h"
#include "projections/all_projections.h"
#include "projections/appointments/appointments_by_insured.h"
#include "projections/dead_letters/dead_letters.h"
#include "projections/engine.h"
#include "projections/memory/memory_generations.h"
#include "projections/memory/memory_read_store.h"
#include "projections/pending/pending_appointments.h"
#include "projections/replay.h"
#include "tests/unit/projections/history.h"

namespace citas::testing {

using Entries = std::map<std::string, std::string>;

// Everything that a store holds.
inline Entries entries_of(const projections::ReadStore& store) {
  Entries entries;
  const auto view = store.view().value();
  const auto scanned =
      view->scan({}, projections::Order::kAscending, [&](std::string_view key, auto value) {
        entries.emplace(key, value);
        return true;
      });
  EXPECT_TRUE(scanned);
  return entries;
}

// The digest computed from nothing but the content.
inline projections::ContentDigest digest_of(const Entries& entries) {
  projections::ContentDigest digest;
  for (const auto& [key, value] : entries) digest.add(projections::entry_hash(key, value));
  return digest;
}

inline std::unique_ptr<projections::ProjectionEngine> open_engine(
    const EventLog& log, const Codec& codec, const Clock& clock,
    projections::Generations& generations, projections::EngineOptions options = {}) {
  auto engine = projections::ProjectionEngine::open(
      log, codec, clock, generations, projections::all_projections(), std::move(options));
  EXPECT_TRUE(engine) << engine.error().message;
  return *std::move(engine);
}

inline void catch_up(projections::ProjectionEngine& engine) {
  for (const std::string& name : engine.names()) {
    while (engine.step(name).value() > 0) {
    }
  }
}

// A log, and all read models of it in memory.
class ReadModel {
 public:
  explicit ReadModel(std::uint64_t seed = 1) : history(log, seed) {}

  void catch_up() { testing::catch_up(*engine); }
  const projections::LiveProjection& appointments() const {
    return engine->live(projections::AppointmentsByInsured::kName);
  }
  const projections::LiveProjection& dead_letters() const {
    return engine->live(projections::DeadLetters::kName);
  }
  const projections::LiveProjection& pending() const {
    return engine->live(projections::PendingAppointments::kName);
  }

  MemoryEventLog log{kTestLog};
  History history;
  Codec codec;
  ManualClock clock{kNow};
  projections::MemoryGenerations generations;
  std::unique_ptr<projections::ProjectionEngine> engine =
      open_engine(log, codec, clock, generations);
};

}  // namespace citas::testing

// A country's processor between a log and its bus in memory, with rules that fail and a store that
// dies on purpose.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/forwarding_store.h"
#include "tests/unit/workers/log_world.h"
#include "workers/country_processor.h"
#include "workers/dead_letter.h"
#include "workers/event_message.h"
#include "workers/memory/memory_bus.h"
#include "workers/memory/memory_country_store.h"
#include "workers/relay.h"
#include "workers/topology.h"

namespace citas::workers {

// The end of the process.
struct Died {};

// Fails for chosen schedules; counts what it was asked.
class TestRules final : public CountryRules {
 public:
  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override {
    const std::int64_t schedule = request.ref.slot.schedule.value();
    ++asked[schedule];
    if (schedule == deadly) throw Died{};
    if (failing.contains(schedule)) return failure(ErrorCode::kUnavailable, "no answer");
    if (refused.contains(schedule)) return ReasonCode::parse("center_closed");
    return std::optional<ReasonCode>{};
  }

  std::optional<std::int64_t> deadly;  // the process dies of it
  std::set<std::int64_t> failing;
  std::set<std::int64_t> refused;
  mutable std::map<std::int64_t, int> asked;
};

// A store on which the process dies: before a commit, or right after it, or after being emptied.
class CrashingStore final : public citas::testing::ForwardingStore {
 public:
  enum class Crash { kNever, kBeforeCommit, kAfterCommit, kAfterReset };

  using ForwardingStore::ForwardingStore;
  Status commit(const CountryChanges& changes) override {
    const bool spared = only && std::ranges::none_of(changes.entries, [&](const auto& entry) {
                          return entry.appointment == *only;
                        });
    if (crash == Crash::kBeforeCommit && !spared) throw Died{};
    auto committed = ForwardingStore::commit(changes);
    if (crash == Crash::kAfterCommit) throw Died{};
    return committed;
  }
  Status reset(std::string_view log_source) override {
    auto emptied = ForwardingStore::reset(log_source);
    if (crash == Crash::kAfterReset) throw Died{};
    return emptied;
  }

  Crash crash = Crash::kNever;
  std::optional<AppointmentId> only;  // it dies before the commits of this appointment
};

class ProcessorTest : public ::testing::Test {
 protected:
  ProcessorTest() { start(); }

  void start() {
    processor_ = std::move(*CountryProcessor::open(
        kPeru, bus_, rules_, world_.codec, world_.clock,
        {.max_tries = 3,
         .on_start_over = [this](const auto&... sources) { emptied_.push_back({sources...}); }}));
    processor_->begin(store_);
  }
  void run(int ticks = 60) {
    for (int i = 0; i < ticks; ++i) {
      while (relay_->step().value()) {
      }
      while (processor_->step().value()) {
      }
      world_.clock.advance(std::chrono::milliseconds{500});
    }
  }
  // Everything that can be done without waiting.
  void run_at_once() {
    while (relay_->step().value() || processor_->step().value()) {
    }
  }
  // The process dies within a step, and a new one is started on the same store and bus.
  void crash(CrashingStore::Crash how) {
    store_.crash = how;
    EXPECT_THROW(run_at_once(), Died);
    store_.crash = CrashingStore::Crash::kNever;
    start();
  }

  std::vector<Confirmation> confirmations() {
    std::vector<Confirmation> all;
    for (std::uint64_t i = 1; i <= bus_.stream_info(kConfirmationsStream)->last_sequence; ++i) {
      const auto message = broker_.message(kConfirmationsStream, i).value();
      all.push_back(parse_confirmation(message.payload).value());
    }
    return all;
  }
  std::vector<DeadLetterRecorded> dead_letters() {
    std::vector<DeadLetterRecorded> all;
    for (std::uint64_t i = 1; i <= bus_.stream_info(kDeadLettersStream)->last_sequence; ++i) {
      const auto message = broker_.message(kDeadLettersStream, i).value();
      all.push_back(parse_dead_letter(message.payload).value().letter);
    }
    return all;
  }
  bool all_acknowledged() {
    const auto info = bus_.consumer_info(kEventsStream, "processor-PE");
    return info && info->ack_pending == 0 && info->pending == 0;
  }
  EntryState state(AppointmentId appointment) const {
    return store_.find(appointment).value().value().state;
  }
  // Publishes something to the country's redeliver subject.
  void redeliver(const std::string& id, const std::string& payload, Headers headers = {}) {
    auto publisher = std::move(*bus_.open_publisher({}));
    ASSERT_TRUE(publisher->publish(1, {.subject = "citas.redeliver.PE",
                                       .message_id = id,
                                       .headers = headers,
                                       .payload = payload,
                                       .expected_last_sequence = {}}));
  }

  LogWorld world_;
  MemoryBroker broker_{world_.clock};
  MemoryBus bus_{broker_};
  MemoryCountryStore inner_store_;
  CrashingStore store_{inner_store_};
  TestRules rules_;
  std::unique_ptr<Relay> relay_ = std::move(*Relay::open(world_.log, bus_, world_.clock, {}));
  std::vector<std::vector<std::string>> emptied_;  // whose the store was, and for whose
  std::unique_ptr<CountryProcessor> processor_;
};

}  // namespace citas::workers

// The read side: queries, applying events, and rebuilding.
//
// A log of kEvents events of kInsureds insureds, each appointment requested and then confirmed,
// with a fixed seed. It is in memory, its read models on disk, in a temporary folder.
#include <benchmark/benchmark.h>

#include <random>

#include "events/base/check.h"
#include "events/base/clock.h"
#include "events/memory/memory_event_log.h"
#include "events/tags.h"
#include "projections/all_projections.h"
#include "projections/appointments/appointments_by_insured.h"
#include "projections/appointments/appointments_query.h"
#include "projections/engine.h"
#include "projections/entry_batch.h"
#include "projections/memory/memory_read_store.h"
#include "projections/pending/pending_appointments.h"
#include "projections/replay.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "tests/support/temp_folder.h"

namespace citas::projections {
namespace {

constexpr std::uint64_t kEvents = 100'000;
constexpr std::uint64_t kInsureds = 10'000;  // five appointments each
constexpr std::uint64_t kSeed = 7;
// How far a confirmation comes behind its request.
constexpr std::uint64_t kInFlight = 500;

InsuredId insured_number(std::uint64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 5 - digits.size(), '0');
  return *InsuredId::parse(digits);
}

// The log that everything here reads.
class BenchLog {
 public:
  static const BenchLog& instance() {
    static const BenchLog log;
    return log;
  }
  const EventLog& log() const { return log_; }
  const Codec& codec() const { return codec_; }
  const Clock& clock() const { return clock_; }

 private:
  BenchLog() {
    for (std::uint64_t i = 0; i < kEvents / 2 + kInFlight; ++i) {
      if (i < kEvents / 2) request(i);
      if (i >= kInFlight) confirm(refs_[i - kInFlight]);
    }
    CHECK(log_.committed() == Position{kEvents});
  }

  void request(std::uint64_t number) {
    refs_.push_back({AppointmentId{ids_.next()}, insured_number(random_() % kInsureds),
                     Slot{*CountryCode::parse(number % 2 ? "PE" : "CL"),
                          ScheduleId{static_cast<std::int64_t>(number + 1)}}});
    VisitDetails details;
    details.center = 12;
    details.specialty = 3;
    details.medic = 4'567;
    details.date = clock_.now() + std::chrono::minutes{random_() % 100'000};
    append(AppointmentRequested{refs_.back(), details}, "anonymous");
  }
  void confirm(const AppointmentRef& ref) {
    append(AppointmentConfirmed{ref, RegistrationId{ids_.next()}}, "worker:confirmations");
  }

  void append(EventData data, const std::string& actor) {
    clock_.advance(std::chrono::milliseconds{1});
    Event event;
    event.id = EventId{ids_.next()};
    event.position = Position{log_.head().position.value() + 1};
    event.time = clock_.now();
    event.actor = actor;
    event.command = CommandId{ids_.next()};
    event.data = std::move(data);
    AppendBatch batch;
    batch.records.push_back(
        {Codec::encode(event, log_.identity()), event.time, event.tenant, tags_of(event.data)});
    log_.commit(log_.append(batch).value().position);
  }

  std::mt19937_64 random_{kSeed};
  ManualClock clock_{Timestamp{std::chrono::milliseconds{1'790'000'000'000}}};
  SeededIdSource ids_{clock_, kSeed};
  MemoryEventLog log_{LogIdentity{LogId{ids_.next()}}};
  const Codec codec_;
  std::vector<AppointmentRef> refs_;
};

// A read model on disk, filled, closed and opened again, as a server finds it.
class Served {
 public:
  Served() {
    fill();
    const BenchLog& bench = BenchLog::instance();
    engine_ = ProjectionEngine::open(bench.log(), bench.codec(), bench.clock(), generations_,
                                     all_projections(), {})
                  .value();
    CHECK(engine_->is_serving());
  }
  static const Served& instance() {
    static const Served served;
    return served;
  }
  ProjectionEngine& engine() const { return *engine_; }

 private:
  void fill() {
    const BenchLog& bench = BenchLog::instance();
    const auto engine = ProjectionEngine::open(bench.log(), bench.codec(), bench.clock(),
                                               generations_, all_projections(), {})
                            .value();
    for (const std::string& name : engine->names()) {
      while (engine->step(name).value() > 0) {
      }
    }
  }

  testing::TempFolder folder_;
  RocksDbGenerations generations_{folder_.path()};
  std::unique_ptr<ProjectionEngine> engine_;
};

void BM_List(benchmark::State& state, const AppointmentsFilter& filter) {
  const BenchLog& bench = BenchLog::instance();
  const AppointmentsQuery query(Served::instance().engine().live(AppointmentsByInsured::kName),
                                bench.log(), bench.codec());
  std::mt19937_64 random(kSeed + static_cast<std::uint64_t>(state.thread_index()));
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto page = query.list(kDefaultTenant, insured_number(random() % kInsureds), filter, {});
    bytes += page.value().appointments.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK_CAPTURE(BM_List, first_page, AppointmentsFilter{})->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_CAPTURE(BM_List, descending, AppointmentsFilter{.order = Order::kDescending});
BENCHMARK_CAPTURE(BM_List, by_country, AppointmentsFilter{.country = CountryCode::parse("PE")});

void BM_ListAsOf(benchmark::State& state) {
  const BenchLog& bench = BenchLog::instance();
  const AppointmentsQuery query(Served::instance().engine().live(AppointmentsByInsured::kName),
                                bench.log(), bench.codec());
  std::mt19937_64 random(kSeed);
  for (auto _ : state) {
    benchmark::DoNotOptimize(query.list_as_of(Position{kEvents / 2}, kDefaultTenant,
                                              insured_number(random() % kInsureds), {}, {}));
  }
}
BENCHMARK(BM_ListAsOf);

// The limit that the others are to be measured against: reading and decoding alone.
void BM_Decode(benchmark::State& state) {
  const BenchLog& bench = BenchLog::instance();
  for (auto _ : state) {
    CHECK(bench.log().read({}, kEvents, [&](const RecordView& record) {
      return bench.codec().decode(record.bytes).has_value();
    }));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
}
BENCHMARK(BM_Decode)->Unit(benchmark::kMillisecond);

// Decoding and applying alone: what a projection costs before anything is stored.
void BM_Apply(benchmark::State& state) {
  const BenchLog& bench = BenchLog::instance();
  const AppointmentsByInsured projection;
  for (auto _ : state) {
    MemoryReadStore store;
    EntryBatch batch(store);
    CHECK(bench.log().read({}, kEvents, [&](const RecordView& record) {
      return projection.apply(bench.codec().decode(record.bytes).value(), batch).has_value();
    }));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
}
BENCHMARK(BM_Apply)->Unit(benchmark::kMillisecond);

// A rebuild from the first event to the swap, the flushes and the comparison included.
void BM_Rebuild(benchmark::State& state, std::string_view name) {
  ProjectionEngine& engine = Served::instance().engine();
  for (auto _ : state) {
    const auto report = engine.rebuild(name, {}, {});
    CHECK(report && report->is_identical());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
}
BENCHMARK_CAPTURE(BM_Rebuild, appointments, AppointmentsByInsured::kName)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_Rebuild, pending, PendingAppointments::kName)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace citas::projections

BENCHMARK_MAIN();

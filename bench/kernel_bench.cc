// The write path and replay, piece by piece. Figures mean something only as ratios against the
// bare ones of the same run: a bare synced WAL write is the limit of BM_AppendBatch, a bare scan
// that of BM_ReplayDecode.
#include <benchmark/benchmark.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "commands/sequencer.h"
#include "events/record.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/events.h"
#include "tests/support/temp_folder.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of the tests

constexpr std::int64_t kEvents = 100'000;

Event request_at(std::uint64_t position) {
  Event event = event_at(position, AppointmentRequested{{}, {.center = 12, .medic = 34}});
  auto& ref = std::get<AppointmentRequested>(event.data).ref;
  ref.appointment = AppointmentId{make_uuid_v7(position, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})};
  ref.insured = insured("00500");
  ref.slot = slot("PE", static_cast<std::int64_t>(position));
  return event;
}

// A durable log in a folder of its own.
struct DurableLog {
  DurableLog()
      : log(RocksDbEventLog::open(folder.path() / "log", codec, ids, RocksDbEventLog::Mode::kWrite)
                .value()) {}

  void append(std::int64_t count) {
    AppendBatch batch;
    std::uint64_t position = log->head().position.value();
    for (std::int64_t i = 0; i < count; ++i) {
      batch.records.push_back(record_of(request_at(++position), log->identity()));
    }
    log->commit(log->append(batch).value().position);
  }

  TempFolder folder;
  Codec codec;
  SystemClock clock;
  RandomIdSource ids{clock};
  std::unique_ptr<RocksDbEventLog> log;
};

void BM_Encode(benchmark::State& state) {
  const Event event = request_at(1);
  for (auto _ : state) benchmark::DoNotOptimize(Codec::encode(event, kTestLog));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Encode);

void BM_Decode(benchmark::State& state) {
  const Codec codec;
  const std::string bytes = Codec::encode(request_at(1), kTestLog);
  for (auto _ : state) benchmark::DoNotOptimize(codec.decode(bytes));
  state.SetItemsProcessed(state.iterations());
  state.counters["event_bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(BM_Decode);

void BM_Chain(benchmark::State& state) {
  const std::string bytes = Codec::encode(request_at(1), kTestLog);
  Sha256 hash = kTestLog.genesis();
  for (auto _ : state) hash = chain(hash, bytes);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Chain);

void BM_Tags(benchmark::State& state) {
  const Event event = request_at(1);
  for (auto _ : state) {
    for (const Tag& tag : tags_of(event.data)) {
      benchmark::DoNotOptimize(digest_of(event.tenant, tag));
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Tags);

void BM_Decide(benchmark::State& state) {
  const std::set<CountryCode> served{country("PE")};
  const commands::RequestAppointment request{insured("00001"), slot("PE", 1), {}};
  const commands::BookingContext context{kNow, AppointmentId{uuid(1)}, served};
  for (auto _ : state) {
    benchmark::DoNotOptimize(commands::decide(commands::SlotState{}, request, context));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Decide);

// The limit: writing as many bytes to a file and syncing it.
void BM_BareSyncedWrite(benchmark::State& state) {
  const TempFolder folder;
  const std::string file = folder.path() / "wal";
  const int descriptor = ::open(file.c_str(), O_CREAT | O_WRONLY, 0600);
  const std::string bytes(static_cast<std::size_t>(state.range(0)) * 700, 'x');
  for (auto _ : state) {
    if (::write(descriptor, bytes.data(), bytes.size()) < 0 || ::fdatasync(descriptor) != 0) {
      state.SkipWithError("write or sync failed");
    }
  }
  ::close(descriptor);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BareSyncedWrite)->Arg(1)->Arg(100)->UseRealTime();

void BM_AppendBatch(benchmark::State& state) {
  DurableLog durable;
  for (auto _ : state) durable.append(state.range(0));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_AppendBatch)->Arg(1)->Arg(100)->UseRealTime();

// Commands from submit() to their answers, as many in flight as the argument says.
void BM_Sequencer(benchmark::State& state) {
  DurableLog durable;
  commands::Sequencer sequencer(*durable.log, durable.codec, durable.clock, durable.ids,
                                {.countries = {country("PE")}});
  std::int64_t schedule = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const commands::RequestAppointment request{insured("00001"), slot("PE", ++schedule), {}};
      if (!sequencer.submit({.data = request, .actor = "bench"}, [](const commands::Outcome&) {})) {
        state.SkipWithError("the queue is full");
      }
    }
    if (!sequencer.step()) state.SkipWithError("the log failed");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Sequencer)->Arg(1)->Arg(64)->Arg(512)->UseRealTime();

void BM_TagLookup(benchmark::State& state) {
  DurableLog durable;
  for (std::int64_t i = 0; i < kEvents; i += 1'000) durable.append(1'000);
  std::int64_t schedule = 0;
  const bool present = state.range(0) != 0;
  for (auto _ : state) {
    const std::int64_t wanted = present ? 1 + schedule++ * 7919 % kEvents : kEvents + ++schedule;
    int found = 0;
    const Status read = durable.log->read_tag(
        {.tag = slot_tag(slot("PE", wanted)), .direction = Direction::kBackward},
        [&](const RecordView&) { return ++found, false; });
    if (!read || found != (present ? 1 : 0)) state.SkipWithError("wrong answer");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_TagLookup)->Arg(0)->Arg(1);

void scan(benchmark::State& state, bool decode) {
  DurableLog durable;
  for (std::int64_t i = 0; i < kEvents; i += 1'000) durable.append(1'000);
  for (auto _ : state) {
    std::int64_t seen = 0;
    const Status read = durable.log->read(Position{0}, kEvents, [&](const RecordView& record) {
      if (decode && !durable.codec.decode(record.bytes)) return false;
      return ++seen, true;
    });
    if (!read || seen != kEvents) state.SkipWithError("the scan ended early");
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
void BM_BareScan(benchmark::State& state) { scan(state, false); }
void BM_ReplayDecode(benchmark::State& state) { scan(state, true); }
BENCHMARK(BM_BareScan)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ReplayDecode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace citas

BENCHMARK_MAIN();

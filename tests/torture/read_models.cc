// Prints every entry of every read model, so that two can be compared byte by byte.
//
//   citas_read_models make DATA [--events N] [--seed S]
//   citas_read_models replay DATA [--batch N] [--seed S] [--store memory|rocksdb] [--canary]
//   citas_read_models stored DATA
//
// `make` writes a log with events of every type and with every field that they may have into
// DATA/log: the same bytes for the same seed.
// `replay` folds the log in DATA/log anew, N events a commit; for 0 each commit takes a random
// number of them. `stored` prints what a stopped server has left in DATA/projections.
// A line for each checkpoint, then one for each entry: its key and its value, in hexadecimal.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <random>

#include "events/base/check.h"
#include "events/base/hex.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "projections/all_projections.h"
#include "projections/memory/memory_read_store.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "projections/runner.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/projections/history.h"

namespace citas::torture {
namespace {

using projections::Projection;
using projections::ReadStore;

constexpr std::size_t kLargestRandomBatch = 500;

struct Plan {
  std::string data;
  std::size_t batch = 1;
  std::uint64_t events = 1'000;
  std::uint64_t seed = 1;
  std::string store = "memory";
  bool canary = false;
};

[[noreturn]] void give_up(const Error& error) {
  std::cerr << error.message << '\n';
  std::exit(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error());
  return *std::move(result);
}

std::string hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

// Adds to events what testing::History leaves out.
class Dresser {
 public:
  explicit Dresser(std::uint64_t seed) : random_(seed) {}

  void operator()(Event& event) {
    auto* const request = std::get_if<AppointmentRequested>(&event.data);
    if (request != nullptr && sometimes()) request->details.specialty = 1 + number() % 99;
    if (sometimes()) event.correlation = testing::uuid(static_cast<unsigned char>(random_()));
    if (sometimes()) event.causation = previous_;
    if (sometimes()) event.traceparent = kTraceparent;
    previous_ = event.id;
  }

 private:
  static constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  std::int64_t number() { return static_cast<std::int64_t>(random_() >> 1U); }
  bool sometimes() { return random_() % 3 == 0; }

  std::mt19937_64 random_;
  std::optional<EventId> previous_;
};

// Those that its random steps do not come to: of messages that name no appointment, and as builds
// recorded them that gave them no id.
void add_rare_letters(testing::History& history) {
  history.discard(history.dead_letter(std::nullopt), std::nullopt);
  const AppointmentRef ref = history.request("00001", testing::slot("PE", 5'000));
  history.append(DeadLetterRecorded{.message_id = ref.appointment.value().to_string(),
                                    .consumer = "processor-PE",
                                    .country = ref.slot.country,
                                    .reason = testing::reason("poison"),
                                    .attempts = 5,
                                    .appointment = ref.appointment,
                                    .payload_sha256 = std::string(64, '0')});
}

void make(const Plan& plan) {
  const ManualClock clock(testing::kNow);
  SeededIdSource ids(clock, plan.seed);
  const Codec codec;
  const auto log = must(RocksDbEventLog::open(std::filesystem::path(plan.data) / "log", codec, ids,
                                              RocksDbEventLog::Mode::kWrite));
  testing::History history(*log, plan.seed);
  history.dress_with(Dresser(plan.seed));
  add_rare_letters(history);
  while (log->head().position.value() < plan.events) history.random_step();
}

// The canary: a read model that looks at the clock.
class ClockWatching final : public Projection {
 public:
  explicit ClockWatching(const Projection& real) : real_(real) {}
  std::string_view name() const override { return real_.name(); }
  std::uint32_t version() const override { return real_.version(); }
  Status apply(const Event& event, projections::ReadModelBatch& batch) const override {
    if (const Status applied = real_.apply(event, batch); !applied) return applied;
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    return batch.put("built at", std::to_string(now));
  }

 private:
  const Projection& real_;
};

void print(const Projection& projection, const ReadStore& store) {
  const auto checkpoint = must(store.checkpoint());
  CHECK(checkpoint.has_value());
  std::cout << projection.name() << " version " << checkpoint->model.version << " position "
            << checkpoint->head.position.value() << " hash " << to_hex(checkpoint->head.hash)
            << " entries " << checkpoint->entries << " digest " << checkpoint->digest.to_hex()
            << '\n';
  const auto view = must(store.view());
  const auto print_entry = [](std::string_view key, std::string_view value) {
    std::cout << hex(key) << ' ' << hex(value) << '\n';
    return true;
  };
  if (const auto read = view->scan({}, projections::Order::kAscending, print_entry); !read) {
    give_up(read.error());
  }
}

void fold(const EventLog& log, const Codec& codec, const Projection& projection,
          const std::shared_ptr<ReadStore>& store, const Plan& plan) {
  std::mt19937_64 random(plan.seed);
  projections::ProjectionRunner runner(
      log, codec, projection, store,
      projections::initial_checkpoint(log, model_of(projection, codec)));
  while (must(runner.step(plan.batch > 0 ? plan.batch : 1 + random() % kLargestRandomBatch)) > 0) {
  }
}

void replay(const Plan& plan) {
  const testing::TempFolder scratch;
  const SystemClock clock;
  RandomIdSource ids(clock);
  const Codec codec;
  const auto log = must(RocksDbEventLog::open(std::filesystem::path(plan.data) / "log", codec, ids,
                                              RocksDbEventLog::Mode::kReadOnly));
  projections::RocksDbGenerations generations(scratch.path());
  for (const auto& projection : projections::all_projections()) {
    std::shared_ptr<ReadStore> store = std::make_shared<projections::MemoryReadStore>();
    if (plan.store == "rocksdb") {
      store = must(generations.create(projection->name(), projections::Generation{1}));
    }
    const ClockWatching watching(*projection);
    fold(*log, codec, plan.canary ? watching : *projection, store, plan);
    print(*projection, *store);
  }
}

void show_stored(const Plan& plan) {
  const projections::RocksDbGenerations generations(std::filesystem::path(plan.data) /
                                                    "projections");
  for (const auto& projection : projections::all_projections()) {
    const auto current = must(generations.current(projection->name()));
    CHECK(current.has_value());
    print(*projection, *must(generations.open_read_only(projection->name(), *current)));
  }
}

}  // namespace
}  // namespace citas::torture

int main(int argc, char** argv) {
  using namespace citas::torture;  // NOLINT: it is this program
  CLI::App app{"every entry of every read model"};
  app.require_subcommand(1);
  Plan plan;
  CLI::App& made = *app.add_subcommand("make", "write a log with everything that events may have");
  made.add_option("data", plan.data)->required();
  made.add_option("--events", plan.events);
  made.add_option("--seed", plan.seed);
  made.callback([&] { make(plan); });
  CLI::App& replayed = *app.add_subcommand("replay", "fold the log anew");
  replayed.add_option("data", plan.data)->required();
  replayed.add_option("--batch", plan.batch);
  replayed.add_option("--seed", plan.seed);
  replayed.add_option("--store", plan.store)->check(CLI::IsMember({"memory", "rocksdb"}));
  replayed.add_flag("--canary", plan.canary);
  replayed.callback([&] { replay(plan); });
  CLI::App& stored = *app.add_subcommand("stored", "what a stopped server has left");
  stored.add_option("data", plan.data)->required();
  stored.callback([&] { show_stored(plan); });
  CLI11_PARSE(app, argc, argv);
}

// Prints every entry of every read model, so that two can be compared byte by byte.
//
//   citas_read_models replay DATA [--batch N] [--seed S] [--store memory|rocksdb] [--canary]
//   citas_read_models stored DATA
//
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

namespace citas::torture {
namespace {

using projections::Projection;
using projections::ReadStore;

constexpr std::size_t kLargestRandomBatch = 500;

struct Plan {
  std::string data;
  std::size_t batch = 1;
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

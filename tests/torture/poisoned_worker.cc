// A country's worker whose rules fail on chosen schedules: `citas worker` as it is, but for the
// rules. Not part of the product.
//
//   citas_poisoned_worker COUNTRY URL FOLDER POISONS TRIES MAX_TRIES ACK_WAIT_MS
//
// POISONS is read anew at every try, one "<schedule> crash|hang|refuse" a line: emptying it repairs
// the worker. Before each such try a line "<schedule>" is appended to TRIES. Runs until it is
// killed or dies; what ends it when its rules hang is the product's own watch, with its own limit.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "events/base/check.h"
#include "events/base/clock.h"
#include "workers/country_processor.h"
#include "workers/hang_watch.h"
#include "workers/nats/nats_bus.h"
#include "workers/rocksdb/rocksdb_country_store.h"
#include "workers/wakeup.h"

namespace citas::workers {
namespace {

class PoisonedRules final : public CountryRules {
 public:
  PoisonedRules(std::string poisons, const std::string& tries)
      : poisons_(std::move(poisons)),
        tries_(open(tries.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
    CHECK(tries_ >= 0);
  }

  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override {
    const std::string schedule = std::to_string(request.ref.slot.schedule.value());
    const std::string effect = effect_on(schedule);
    if (effect.empty()) return std::optional<ReasonCode>{};
    const std::string line = schedule + "\n";
    CHECK(write(tries_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    if (effect == "crash") std::abort();
    while (effect == "hang") pause();
    return failure(ErrorCode::kUnavailable, "poisoned");
  }

 private:
  std::string effect_on(const std::string& schedule) const {
    std::ifstream file(poisons_);
    for (std::string poisoned, effect; file >> poisoned >> effect;) {
      if (poisoned == schedule) return effect;
    }
    return {};
  }

  const std::string poisons_;
  const int tries_;
};

[[noreturn]] void run(char** argv) {
  const SystemClock clock;
  const Codec codec;
  const PoisonedRules poisoned(argv[4], argv[5]);
  const WatchedRules rules(poisoned);
  const HangWatchThread watch(rules, kDefaultCheckLimit, {.on_hang = [] { std::_Exit(1); }});
  ProcessorOptions options;
  options.max_tries = static_cast<std::uint32_t>(std::stoul(argv[6]));
  options.ack_wait = std::chrono::milliseconds{std::stol(argv[7])};
  Wakeup wakeup;
  NatsOptions nats;
  nats.url = argv[2];
  const auto bus = NatsBus::open(nats, wakeup).value();
  const auto store = RocksDbCountryStore::open(argv[3]).value();
  const auto processor = CountryProcessor::open(CountryCode::parse(argv[1]).value(), *bus, rules,
                                                codec, clock, options)
                             .value();
  processor->begin(*store);
  while (true) {
    if (!processor->step().value()) wakeup.wait_for(std::chrono::milliseconds{20});
  }
}

}  // namespace
}  // namespace citas::workers

int main(int argc, char** argv) {
  CHECK(argc == 8);
  citas::workers::run(argv);
}

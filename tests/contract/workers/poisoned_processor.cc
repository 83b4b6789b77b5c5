// A country processor as a process of its own, which aborts whenever it tries one certain schedule.
//
//   poisoned_processor URL FOLDER SCHEDULE
//
// SCHEDULE 0 poisons nothing. Runs until it is killed or dies.
#include <cstdlib>
#include <string>

#include "events/base/check.h"
#include "events/base/clock.h"
#include "workers/country_processor.h"
#include "workers/nats/nats_bus.h"
#include "workers/rocksdb/rocksdb_country_store.h"
#include "workers/wakeup.h"

namespace citas::workers {
namespace {

class PoisonedRules final : public CountryRules {
 public:
  explicit PoisonedRules(std::int64_t schedule) : schedule_(schedule) {}
  Result<std::optional<ReasonCode>> check(const AppointmentRequested& request) const override {
    if (request.ref.slot.schedule.value() == schedule_) std::abort();
    return std::optional<ReasonCode>{};
  }

 private:
  const std::int64_t schedule_;
};

[[noreturn]] void run(const std::string& url, const std::string& folder, std::int64_t schedule) {
  const SystemClock clock;
  const Codec codec;
  const PoisonedRules rules(schedule);
  Wakeup wakeup;
  NatsOptions options;
  options.url = url;
  const auto bus = std::move(*NatsBus::open(options, wakeup));
  const auto store = std::move(*RocksDbCountryStore::open(folder));
  const auto processor = std::move(*CountryProcessor::open(*CountryCode::parse("PE"), *bus, rules,
                                                           codec, clock, {.max_tries = 3}));
  processor->begin(*store);
  while (true) {
    const auto stepped = processor->step();
    CHECK(stepped.has_value());
    if (!*stepped) wakeup.wait_for(std::chrono::milliseconds{20});
  }
}

}  // namespace
}  // namespace citas::workers

int main(int argc, char** argv) {
  CHECK(argc == 4);
  citas::workers::run(argv[1], argv[2], std::stoll(argv[3]));
}

// One operation of the disk fails under a country's own store. Its processor is told, and whoever
// opens it next, the same process or another one, finds what was acknowledged, or a store that is
// empty, or refused, and so filled again; never one whose mark claims what it does not hold.
#include <algorithm>
#include <optional>

#include "tests/torture/disk/chosen.h"
#include "tests/torture/disk/country_history.h"
#include "tests/torture/disk/session.h"
#include "workers/rocksdb/rocksdb_country_store.h"

namespace citas::torture {
namespace {

using workers::RocksDbCountryStore;
using Disk = std::shared_ptr<SimulatedDisk>;

constexpr std::size_t kStatesBeforeEntries = 2;  // empty, and told its log

class CountryIoSuite {
 public:
  CountryIoSuite(const Plan& plan, Report& report)
      : plan_(plan), world_(plan.seed), random_(plan.seed), report_(report) {}

  void run() {
    fail_each(world_.new_disk(), CountryHistory(plan_.seed), "created");
    const Disk disk = world_.new_disk();
    CountryHistory history(plan_.seed);
    for (int life = 0; life < 2; ++life) must(live(disk, history));
    fail_each(disk, history, "opened");
  }

 private:
  void fail_each(const Disk& disk, const CountryHistory& history, const std::string& when) {
    const Disk undisturbed = disk->after_crash();
    CountryHistory copy = history;
    must(live(undisturbed, copy));
    for (const Operation kind : kAllOperations) {
      std::uint64_t failed = 0;
      for (const std::uint64_t number : chosen(undisturbed->count(kind), plan_.cycles)) {
        failed += fail_one(disk->after_crash(), history, {kind, number}) ? 1 : 0;
      }
      report_.injected[std::string(to_string(kind)) + " failed, country store being " + when] +=
          failed;
    }
  }

  // False when the life had fewer operations than that.
  bool fail_one(const Disk& disk, CountryHistory history, Fault fault) {
    fault.no_space = random_() % 2 == 0;
    disk->fail(fault);
    const Status lived = live(disk, history);
    if (!disk->fault_happened()) {
      must(lived);
      return false;
    }
    try {
      check_message(lived, *disk);
      check_reopened(disk->after_crash(), history);
      const Loss loss = kAllLosses[random_() % kAllLosses.size()];
      check_reopened(disk->after_power_cut(loss, random_), history);
      check_reopened_in_place(disk, history);
    } catch (const Defect& defect) {
      throw Defect("country store, " + std::string(to_string(fault.kind)) + " number " +
                   std::to_string(fault.number) + " failed: " + defect.what());
    }
    return true;
  }

  std::filesystem::path folder() const { return world_.folder.path() / "PE"; }

  Result<std::unique_ptr<RocksDbCountryStore>> open(const Disk& disk) const {
    return RocksDbCountryStore::open_on(disk, folder());
  }

  Status live(const Disk& disk, CountryHistory& history) {
    const auto store = open(disk);
    if (!store) return failure(store.error());
    return history.live(**store);
  }

  // It names the file, or what failed of it; or else, where RocksDB does not say, the store.
  void check_message(const Status& lived, const SimulatedDisk& disk) {
    if (lived) {
      ++report_.figures["faults under a country store that nobody noticed"];
      return;
    }
    const std::string& message = lived.error().message;
    const auto says = [&](const std::string& words) {
      return message.find(words) != std::string::npos;
    };
    const bool named = says(disk.fault_subject()) || says("Direct I/O is not supported");
    if (!named || !says("country store " + folder().string())) {
      throw Defect("the message does not name " + disk.fault_subject() + ": " + message);
    }
  }

  // What is known of the store when it has been used again; nullopt: it says that it is damaged.
  std::optional<CountryHistory> check_reopened(const Disk& disk, const CountryHistory& history) {
    {
      const auto store = open(disk);
      if (!store) return check_refusal(store.error());
      const auto held = ask(**store);
      if (!held) return check_refusal(held.error());
      check_held(*held, history);
    }
    CountryHistory next = history;
    must(live(disk, next));
    return next;
  }

  // As its processor does. A sync has failed, and no other will write what it should have; but it
  // can be read still, and counts from now on. Only a power cut tells whether it was written anew.
  void check_reopened_in_place(const Disk& disk, const CountryHistory& history) {
    const auto next = check_reopened(disk, history);
    if (!next) return;
    ++report_.checked["country stores opened again in place, and cut off after that"];
    const Loss loss = kAllLosses[random_() % kAllLosses.size()];
    check_reopened(disk->after_power_cut(loss, random_), *next);
  }

  // Its processor empties a store that says so, and only such a one.
  std::nullopt_t check_refusal(const Error& error) {
    if (error.code != ErrorCode::kCorruption) {
      throw Defect("does not open again: " + error.message);
    }
    ++report_.checked["country stores that say they are damaged, and so filled again"];
    return std::nullopt;
  }

  void check_held(const CountryAnswers& held, const CountryHistory& history) {
    if (held.mark.log_source.empty() && held.entries.empty()) {
      const bool had_entries = history.acknowledged() > kStatesBeforeEntries;
      ++report_.checked[had_entries ? "country stores that lacked something, and so filled again"
                                    : "country stores that had nothing yet"];
      return;
    }
    const auto& states = history.states();
    const auto found = std::find(states.rbegin(), states.rend(), held);
    if (found == states.rend()) throw Defect("its mark claims what it does not hold");
    const auto length = static_cast<std::size_t>(states.rend() - found);
    if (length < history.acknowledged()) throw Defect("acknowledged entries are lost");
    ++report_.checked["country stores that hold what was acknowledged"];
  }

  static void must(const Status& done) {
    if (!done) throw Defect("country store: " + done.error().message);
  }

  const Plan& plan_;
  World world_;
  std::mt19937_64 random_;
  Report& report_;
};

}  // namespace

void run_io_countries(const Plan& plan, Report& report) { CountryIoSuite(plan, report).run(); }

}  // namespace citas::torture

// The stored files of a country's own store are damaged. It is refused, and filled again; or it is
// as it was at some earlier time, which its mark tells; or every answer is right.
#include <algorithm>
#include <map>
#include <random>

#include "tests/support/events.h"
#include "tests/support/temp_folder.h"
#include "tests/torture/disk/trials.h"
#include "workers/rocksdb/rocksdb_country_store.h"

namespace citas::torture {
namespace {

using workers::CountryEntry;
using workers::CountryMark;
using workers::RocksDbCountryStore;

// Four would make RocksDB compact at once, and wait a second after each error of that.
constexpr int kLives = 3;
constexpr int kCommitsOfALife = 4;
constexpr unsigned char kAppointments = 30;
constexpr std::size_t kEntriesOfACommit = 3;

AppointmentId appointment(unsigned char number) { return AppointmentId{testing::uuid(number)}; }

// Everything that can be asked of a store.
struct Answers {
  CountryMark mark;
  std::map<unsigned char, CountryEntry> entries;
  friend bool operator==(const Answers&, const Answers&) = default;
};

class CountryTrials final : public Trials {
 public:
  explicit CountryTrials(const Plan& plan) : plan_(plan), random_(plan.seed) {
    const std::filesystem::path store = folder_.path() / "PE";
    states_.push_back({});
    for (int life = 0; life < kLives; ++life) live(*RocksDbCountryStore::open(store).value());
    files_ = read_files(store);
    damages_ = all_damages(files_, plan.seed);
  }

  const std::vector<Damage>& damages() const override { return damages_; }

  std::string attempt(const Damage& damage) override {
    Files damaged = files_;
    damage.inflict(damaged);
    const std::filesystem::path folder = folder_.path() / "damaged";
    write_files(folder, damaged);
    const auto opened = RocksDbCountryStore::open(folder);
    if (!opened) {
      return opened.error().code == ErrorCode::kCorruption ? "noticed, and filled again"
                                                           : "refused to open";
    }
    auto answers = ask(**opened);
    if (!answers) return "opened, and refused to answer";
    if (plan_.canary == Canary::kNoMark) answers->mark = states_.back().mark;
    if (*answers == states_.back()) return "harmless: every answer is right";
    if (std::ranges::find(states_, *answers) != states_.end()) {
      return "an earlier state, as its mark tells";
    }
    throw Defect("the store says that it has seen everything up to " +
                 std::to_string(answers->mark.processed) + ", and does not hold it");
  }

 private:
  void live(workers::CountryStore& store) {
    if (store.mark().log_source.empty()) {
      if (const Status reset = store.reset("a-log"); !reset) throw Defect(reset.error().message);
      states_.push_back({.mark = store.mark()});
    }
    for (int commit = 0; commit < kCommitsOfALife; ++commit) {
      Answers next = states_.back();
      const workers::CountryChanges changes = invent(next);
      if (const Status done = store.commit(changes); !done) throw Defect(done.error().message);
      next.mark = workers::raised(next.mark, changes);
      states_.push_back(std::move(next));
    }
  }

  // A few entries, new ones and changed ones.
  workers::CountryChanges invent(Answers& next) {
    workers::CountryChanges changes;
    for (std::size_t n = 0; n < kEntriesOfACommit; ++n) {
      const auto number = static_cast<unsigned char>(1 + random_() % kAppointments);
      CountryEntry entry;
      if (random_() % 4 != 0) {
        entry.state = workers::EntryState::kRegistered;
        entry.request = AppointmentRequested{testing::ref(number), {}};
        entry.registration = workers::registration_of(testing::country("PE"), appointment(number));
      }
      next.entries[number] = entry;
      const auto same = [&](const auto& other) { return other.appointment == appointment(number); };
      std::erase_if(changes.entries, same);
      changes.entries.push_back({appointment(number), entry});
    }
    changes.processed = next.mark.processed + kEntriesOfACommit;
    changes.hash = "hash-" + std::to_string(changes.processed);
    return changes;
  }

  static Result<Answers> ask(const workers::CountryStore& store) {
    Answers answers{.mark = store.mark()};
    for (unsigned char number = 1; number <= kAppointments; ++number) {
      const auto entry = store.find(appointment(number));
      if (!entry) return failure(entry.error());
      if (*entry) answers.entries[number] = **entry;
    }
    return answers;
  }

  const Plan& plan_;
  std::mt19937_64 random_;
  const testing::TempFolder folder_;
  std::vector<Answers> states_;  // after each commit; the first one is empty
  Files files_;
  std::vector<Damage> damages_;
};

}  // namespace

void run_rot_countries(const Plan& plan, Report& report) {
  run_trials(plan, report, [&] { return std::make_unique<CountryTrials>(plan); });
}

}  // namespace citas::torture

// The stored files of a country's own store are damaged. It is refused, and filled again; or it is
// as it was at some earlier time, which its mark tells; or every answer is right.
#include <algorithm>

#include "tests/support/temp_folder.h"
#include "tests/torture/disk/country_history.h"
#include "tests/torture/disk/trials.h"
#include "workers/rocksdb/rocksdb_country_store.h"

namespace citas::torture {
namespace {

using workers::RocksDbCountryStore;

// Four would make RocksDB compact at once, and wait a second after each error of that.
constexpr int kLives = 3;

class CountryTrials final : public Trials {
 public:
  explicit CountryTrials(const Plan& plan) : plan_(plan), history_(plan.seed) {
    const std::filesystem::path store = folder_.path() / "PE";
    for (int life = 0; life < kLives; ++life) {
      const Status lived = history_.live(*RocksDbCountryStore::open(store).value());
      if (!lived) throw Defect(lived.error().message);
    }
    files_ = read_files(store);
  }

  const Files& files() const override { return files_; }
  void adopt(Files files) override { files_ = std::move(files); }

  std::string attempt(const Damage& damage) override {
    Files damaged = files_;
    damage.inflict(damaged);
    const std::filesystem::path folder = folder_.path() / "damaged";
    write_files(folder, damaged);
    const auto opened = RocksDbCountryStore::open(folder);
    if (!opened) {
      check_code(opened.error());
      return "noticed, and filled again";
    }
    auto answers = ask(**opened);
    if (!answers) {
      check_code(answers.error());
      return "opened, and refused to answer";
    }
    const std::vector<CountryAnswers>& states = history_.states();
    if (plan_.canary == Canary::kNoMark) answers->mark = states.back().mark;
    if (*answers == states.back()) return "harmless: every answer is right";
    if (std::ranges::find(states, *answers) != states.end()) {
      return "an earlier state, as its mark tells";
    }
    throw Defect("the store says that it has seen everything up to " +
                 std::to_string(answers->mark.processed) + ", and does not hold it");
  }

 private:
  // Only what is called damage has its processor empty the store.
  static void check_code(const Error& error) {
    if (error.code == ErrorCode::kCorruption) return;
    throw Defect("refused as " + std::string(to_string(error.code)) + ": " + error.message);
  }

  const Plan& plan_;
  CountryHistory history_;
  const testing::TempFolder folder_;
  Files files_;
};

}  // namespace

void run_rot_countries(const Plan& plan, Report& report) {
  run_trials(plan, report, [&] { return std::make_unique<CountryTrials>(plan); });
}

}  // namespace citas::torture

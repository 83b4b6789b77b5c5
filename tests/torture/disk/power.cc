// The power goes off at a random operation, again and again on the same disk, also while the log is
// created, opened and recovered. What was acknowledged is there afterwards, under its key, and
// nothing else is.
#include <algorithm>

#include "tests/torture/disk/session.h"

namespace citas::torture {
namespace {

constexpr std::uint64_t kCutsOfOneWorld = 10;
constexpr std::size_t kLargestBatch = 8;
constexpr int kBatchesOfOneLife = 60;
constexpr std::size_t kRepeatedKeys = 20;

class PowerWorld {
 public:
  PowerWorld(std::uint64_t seed, Canary canary, Report& report)
      : world_(seed), random_(seed), canary_(canary), report_(report), disk_(world_.new_disk()) {}

  void live_and_be_cut() {
    // Half of the cuts come early, while the log is opened.
    disk_->cut_power_at(1 + random_() % (random_() % 2 == 0 ? 100 : 600));
    live();
    disk_->cut_power_now();
    session_.reset();
    const Loss loss = kAllLosses[random_() % kAllLosses.size()];
    disk_ = disk_->after_power_cut(loss, random_);
    ++report_.injected[std::string("cuts, unsynced: ") + to_string(loss)];
  }

  void check_at_the_end() {
    open();
    if (!session_) throw Defect("does not open: " + error_);
    must(session_->check_log(ledger_));
    must(session_->send(ledger_, ledger_.unanswered()));
    must(repeat_keys(ledger_.intents().size()));
    must(session_->check_whole(ledger_));
    report_.checked["acknowledged events found"] += ledger_.acknowledged().value();
    report_.checked["logs verified"] += 1;
  }

 private:
  void open() {
    auto opened = Session::open(world_, disk_, canary_);
    if (opened) {
      session_ = *std::move(opened);
      return;
    }
    error_ = opened.error().message;
  }

  // Until the power is off, or it is time for it to go off.
  void live() {
    open();
    if (!session_) {
      if (!disk_->power_is_off()) throw Defect("does not open: " + error_);
      ++report_.figures["cuts while opening"];
      return;
    }
    ++report_.checked["recoveries"];
    if (!goes_on(session_->check_log(ledger_))) return;
    if (!goes_on(session_->send(ledger_, ledger_.unanswered()))) return;
    if (!goes_on(repeat_keys(kRepeatedKeys))) return;
    for (int batch = 0; batch < kBatchesOfOneLife; ++batch) {
      std::vector<std::size_t> intents;
      for (std::size_t n = 1 + random_() % kLargestBatch; n > 0; --n) {
        intents.push_back(ledger_.intend(random_));
      }
      if (!goes_on(session_->send(ledger_, intents))) return;
      ++report_.figures["batches"];
    }
  }

  // Errors are right when there is no power, and only then.
  bool goes_on(const Status& done) {
    if (done) return !disk_->power_is_off();
    if (!disk_->power_is_off()) throw Defect(done.error().message);
    return false;
  }

  static void must(const Status& done) {
    if (!done) throw Defect(done.error().message);
  }

  Status repeat_keys(std::size_t count) {
    std::vector<std::size_t> accepted;
    for (std::size_t i = 0; i < ledger_.intents().size(); ++i) {
      if (ledger_.intents()[i].state == Intent::State::kAccepted) accepted.push_back(i);
    }
    std::shuffle(accepted.begin(), accepted.end(), random_);
    accepted.resize(std::min(accepted.size(), count));
    report_.checked["keys repeated"] += accepted.size();
    return session_->send(ledger_, accepted);
  }

  World world_;
  std::mt19937_64 random_;
  const Canary canary_;
  Report& report_;
  Ledger ledger_;
  std::shared_ptr<SimulatedDisk> disk_;
  std::unique_ptr<Session> session_;
  std::string error_;
};

}  // namespace

void run_power(const Plan& plan, Report& report) {
  for (std::uint64_t cut = 0; cut < plan.cycles;) {
    const std::uint64_t seed = plan.seed + cut / kCutsOfOneWorld;
    try {
      PowerWorld world(seed, plan.canary, report);
      for (std::uint64_t n = 0; n < kCutsOfOneWorld && cut < plan.cycles; ++n, ++cut) {
        world.live_and_be_cut();
      }
      world.check_at_the_end();
    } catch (const Defect& defect) {
      throw Defect("history of seed " + std::to_string(seed) + ": " + defect.what());
    }
  }
}

}  // namespace citas::torture

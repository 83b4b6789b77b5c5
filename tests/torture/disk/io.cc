// One operation of the disk fails, each that there is of each kind (or some, evenly spread), while
// a log is created and while one is opened and written. The writer stops and says why, and the next
// start finds everything that was acknowledged, whether the machine stayed up or not.
#include "tests/torture/disk/chosen.h"
#include "tests/torture/disk/fault_message.h"
#include "tests/torture/disk/session.h"

namespace citas::torture {
namespace {

constexpr int kBatches = 40;
constexpr std::size_t kBatchSize = 5;

// A log, and what clients know of it.
struct History {
  std::shared_ptr<SimulatedDisk> disk;
  Ledger ledger;
};

class IoSuite {
 public:
  IoSuite(const Plan& plan, Report& report)
      : plan_(plan), world_(plan.seed), random_(plan.seed), report_(report) {}

  void run() {
    fail_each({world_.new_disk(), {}}, "created");
    fail_each(existing(), "opened");
  }

 private:
  // Written by two lives without faults.
  History existing() {
    History history{world_.new_disk(), {}};
    for (int life = 0; life < 2; ++life) {
      if (const Status lived = live(history); !lived) throw Defect(lived.error().message);
      history.disk = history.disk->after_crash();
    }
    return history;
  }

  void fail_each(const History& start, const std::string& when) {
    History undisturbed{start.disk->after_crash(), start.ledger};
    must(live(undisturbed));
    for (const Operation kind : kAllOperations) {
      std::uint64_t failed = 0;
      for (const std::uint64_t number : chosen(undisturbed.disk->count(kind), plan_.cycles)) {
        failed += fail_one(start, kind, number) ? 1 : 0;
      }
      report_.injected[std::string(to_string(kind)) + " failed, log being " + when] += failed;
    }
  }

  // False when the life had fewer operations than that.
  bool fail_one(const History& start, Operation kind, std::uint64_t number) {
    History history{start.disk->after_crash(), start.ledger};
    history.disk->fail({kind, number, /*no_space=*/random_() % 2 == 0});
    const Status lived = live(history);
    if (!history.disk->fault_happened()) {
      if (!lived) throw Defect(lived.error().message);
      return false;
    }
    try {
      check_told(lived, kind, history.disk->fault_subject());
      check_reopened(history, history.disk->after_crash());
      const Loss loss = kAllLosses[random_() % kAllLosses.size()];
      check_reopened(history, history.disk->after_power_cut(loss, random_));
    } catch (const Defect& defect) {
      throw Defect(std::string(to_string(kind)) + " number " + std::to_string(number) +
                   " failed: " + defect.what());
    }
    return true;
  }

  Status live(History& history) {
    auto opened = Session::open(world_, history.disk, plan_.canary);
    if (!opened) {
      ++report_.figures["faults that kept the log from opening"];
      return failure(opened.error());
    }
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<std::size_t> intents;
      for (std::size_t n = 0; n < kBatchSize; ++n) {
        intents.push_back(history.ledger.intend(random_));
      }
      const Status sent = (*opened)->send(history.ledger, intents);
      if (sent) continue;
      (*opened)->check_stopped();
      ++report_.figures["faults that stopped the writer"];
      return sent;
    }
    return {};
  }

  void check_told(const Status& lived, Operation kind, const std::string& subject) {
    if (lived) {
      ++report_.figures["faults that nobody noticed"];
      return;
    }
    check_message(lived.error(), kind, subject);
    ++report_.checked["messages that name what failed and the page"];
  }

  void check_reopened(const History& history, const std::shared_ptr<SimulatedDisk>& disk) {
    Ledger ledger = history.ledger;
    const auto opened = Session::open(world_, disk, plan_.canary);
    if (!opened) throw Defect("does not open again: " + opened.error().message);
    must((*opened)->check_log(ledger));
    must((*opened)->send(ledger, ledger.unanswered()));
    must((*opened)->check_whole(ledger));
    ++report_.checked["clean reopenings, nothing lost"];
  }

  static void must(const Status& done) {
    if (!done) throw Defect(done.error().message);
  }

  const Plan& plan_;
  World world_;
  std::mt19937_64 random_;
  Report& report_;
};

}  // namespace

void run_io(const Plan& plan, Report& report) { IoSuite(plan, report).run(); }

}  // namespace citas::torture

// One operation of the disk fails while a log is restored. Whoever restores is told what and where,
// and can repeat it; there is no log in its place, or the whole one.
#include "tests/torture/disk/chosen.h"
#include "tests/torture/disk/fault_message.h"
#include "tests/torture/disk/restore_scene.h"

namespace citas::torture {
namespace {

class RestoreIoSuite {
 public:
  RestoreIoSuite(const Plan& plan, Report& report)
      : plan_(plan), scene_(plan.seed), random_(plan.seed), report_(report) {}

  void run() {
    const auto undisturbed = scene_.new_disk();
    must(scene_.restore(undisturbed));
    for (const Operation kind : kAllOperations) {
      std::uint64_t failed = 0;
      for (const std::uint64_t number : chosen(undisturbed->count(kind), plan_.cycles)) {
        failed += fail_one(kind, number) ? 1 : 0;
      }
      report_.injected[std::string(to_string(kind)) + " failed, log being restored"] += failed;
    }
  }

 private:
  // False when the restore had fewer operations than that.
  bool fail_one(Operation kind, std::uint64_t number) {
    const auto disk = scene_.new_disk();
    disk->fail({kind, number, /*no_space=*/random_() % 2 == 0});
    const Status done = scene_.restore(disk);
    if (!disk->fault_happened()) {
      must(done);
      return false;
    }
    try {
      check_told(done, kind, disk->fault_subject());
      check_repeated(done, disk->after_crash());
      const Loss loss = kAllLosses[random_() % kAllLosses.size()];
      check_repeated(done, disk->after_power_cut(loss, random_));
    } catch (const Defect& defect) {
      throw Defect("restore, " + std::string(to_string(kind)) + " number " +
                   std::to_string(number) + " failed: " + defect.what());
    }
    return true;
  }

  void check_told(const Status& done, Operation kind, const std::string& subject) {
    if (done) {
      ++report_.figures["faults under a restore that nobody noticed"];
      return;
    }
    check_message(done.error(), kind, subject);
    ++report_.checked["messages of restores that name what failed and the page"];
  }

  void check_repeated(const Status& done, const RestoreScene::Disk& disk) {
    const bool is_there = scene_.is_restored(disk);
    if (done && !is_there) throw Defect("the log was said to be restored, and is not there");
    if (is_there) {
      ++report_.checked["logs restored all the same"];
      return;
    }
    must(scene_.restore(disk));
    if (!scene_.is_restored(disk))
      throw Defect("the log was said to be restored, and is not there");
    ++report_.checked["restores repeated"];
  }

  static void must(const Status& done) {
    if (!done) throw Defect("restore: " + done.error().message);
  }

  const Plan& plan_;
  RestoreScene scene_;
  std::mt19937_64 random_;
  Report& report_;
};

}  // namespace

void run_io_restores(const Plan& plan, Report& report) { RestoreIoSuite(plan, report).run(); }

}  // namespace citas::torture

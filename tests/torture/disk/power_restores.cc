// The power goes off at a random operation of a restore, or of the first start after it. Until the
// restore has said that it is done, there is no log in its place, or the whole one, and it can be
// repeated; from then on, the whole one stays.
#include "tests/torture/disk/restore_scene.h"

namespace citas::torture {
namespace {

// Every how manieth restore is done when the power goes off.
constexpr std::uint64_t kDone = 3;
constexpr std::uint64_t kNever = UINT64_MAX / 2;
constexpr std::uint64_t kCutsWithinAnOpening = 40;

class PowerRestores {
 public:
  PowerRestores(const Plan& plan, Report& report)
      : plan_(plan), random_(plan.seed), report_(report) {}

  void run() {
    for (std::uint64_t number = 0; cuts_ < plan_.cycles; ++number) {
      const std::uint64_t seed = plan_.seed + number;
      try {
        play(seed);
      } catch (const Defect& defect) {
        throw Defect("restore of seed " + std::to_string(seed) + ": " + defect.what());
      }
    }
  }

 private:
  using Disk = RestoreScene::Disk;

  void play(std::uint64_t seed) {
    RestoreScene scene(seed);
    Disk disk = new_disk(scene);
    if (const Status done = scene.restore(disk); !done) throw Defect(done.error().message);
    const std::uint64_t operations = disk->changes();
    disk = new_disk(scene);
    while (!restore_and_be_cut(scene, disk,
                               random_() % kDone == 0 ? kNever : 1 + random_() % operations)) {
      if (cuts_ >= plan_.cycles) return;
    }
    ++report_.checked["logs restored in the end, whole"];
    open_and_be_cut(scene, disk);
  }

  // Whether the log is there now.
  bool restore_and_be_cut(RestoreScene& scene, Disk& disk, std::uint64_t at) {
    disk->cut_power_at(at);
    const Status done = scene.restore(disk);
    if (!done && !disk->power_is_off()) throw Defect(done.error().message);
    cut(disk, done ? "after a restore" : "within a restore");
    const bool is_there = scene.is_restored(disk);
    if (done && !is_there) throw Defect("the log was said to be restored, and is not there");
    if (!done) ++report_.checked[is_there ? "cut restores, whole" : "cut restores, to be repeated"];
    return is_there;
  }

  void open_and_be_cut(RestoreScene& scene, Disk& disk) {
    disk->cut_power_at(1 + random_() % kCutsWithinAnOpening);
    const Status opened = scene.open(disk);
    if (!opened && !disk->power_is_off()) throw Defect(opened.error().message);
    cut(disk, "within the first start");
    if (!scene.is_restored(disk)) throw Defect("the restored log is gone after its first start");
  }

  void cut(Disk& disk, const std::string& when) {
    disk->cut_power_now();
    const Loss loss = kAllLosses[random_() % kAllLosses.size()];
    disk = disk->after_power_cut(loss, random_);
    if (plan_.canary == Canary::kNoSync) disk->ignore_syncs();
    ++report_.injected["cuts " + when + ", unsynced: " + to_string(loss)];
    ++cuts_;
  }

  Disk new_disk(const RestoreScene& scene) const {
    Disk disk = scene.new_disk();
    if (plan_.canary == Canary::kNoSync) disk->ignore_syncs();
    return disk;
  }

  const Plan& plan_;
  std::mt19937_64 random_;
  Report& report_;
  std::uint64_t cuts_ = 0;
};

}  // namespace

void run_power_restores(const Plan& plan, Report& report) { PowerRestores(plan, report).run(); }

}  // namespace citas::torture

// ProjectionsAdmin: rebuilds projections in the background: when an operator asks for it, and when
// stored bytes of one have been found wrong.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "api/dependencies.h"
#include "events/base/clock.h"
#include "ops/citas/json_log.h"
#include "projections/engine.h"

namespace citas::ops {

// Thread-safe.
class ProjectionsAdmin final : public api::ProjectionsPort {
 public:
  // Borrows all.
  ProjectionsAdmin(projections::ProjectionEngine& engine, JsonLog& log, const Clock& clock)
      : engine_(engine), log_(log), clock_(clock) {}
  // Cancels a rebuild under way; what serves goes on serving.
  ~ProjectionsAdmin() override = default;

  std::vector<api::ProjectionState> list() const override;
  Status start_rebuild(std::string_view name) override;

  // Rebuilds a projection that could not be read, as from the log all of it comes back. Does
  // nothing while it is being rebuilt, nor for kMendingPause after the last time, which doubles up
  // to kLongestMendingPause with each rebuild that has failed: a full disk, which cancels one, does
  // not keep a read model from being mended for good. Never blocks.
  void mend(const std::string& name, const Error& damage);
  static constexpr std::chrono::minutes kMendingPause{1};
  static constexpr std::chrono::minutes kLongestMendingPause{32};

  // While the disk is nearly full: cancels what runs, and refuses new ones with StorageFull.
  void allow_rebuilds(bool allowed);

 private:
  void rebuild(const std::string& name, std::stop_token stop);
  void report(const projections::RebuildReport& report);

  struct Mending {
    Clock::Monotonic again{};  // not before
    std::chrono::minutes pause = kMendingPause;
  };
  bool may_mend(const std::string& name);

  projections::ProjectionEngine& engine_;
  JsonLog& log_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  bool allowed_ = true;                                        // guarded by mutex_
  std::map<std::string, api::Rebuild, std::less<>> rebuilds_;  // guarded by mutex_
  std::map<std::string, Mending> mendings_;                    // guarded by mutex_
  std::map<std::string, std::jthread, std::less<>> threads_;   // guarded by mutex_; joined first
};

}  // namespace citas::ops

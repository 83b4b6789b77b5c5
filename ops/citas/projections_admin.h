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
  // Borrows both.
  ProjectionsAdmin(projections::ProjectionEngine& engine, JsonLog& log)
      : engine_(engine), log_(log) {}
  // Cancels a rebuild under way; what serves goes on serving.
  ~ProjectionsAdmin() override = default;

  std::vector<api::ProjectionState> list() const override;
  Status start_rebuild(std::string_view name) override;

  // Rebuilds a projection that could not be read, as from the log all of it comes back. Does
  // nothing while it is being rebuilt, for kMendingPause after the last time, or when a rebuild has
  // failed: then an operator has to see why. Never blocks.
  void mend(const std::string& name, const Error& damage);
  static constexpr std::chrono::seconds kMendingPause{60};

  // While the disk is nearly full: cancels what runs, and refuses new ones with StorageFull.
  void allow_rebuilds(bool allowed);

 private:
  void rebuild(const std::string& name, std::stop_token stop);
  void report(const projections::RebuildReport& report);

  bool may_mend(const std::string& name);

  projections::ProjectionEngine& engine_;
  JsonLog& log_;
  const SystemClock clock_;
  mutable std::mutex mutex_;
  bool allowed_ = true;                                        // guarded by mutex_
  std::map<std::string, api::Rebuild, std::less<>> rebuilds_;  // guarded by mutex_
  std::map<std::string, Clock::Monotonic> mend_again_;         // not before; guarded by mutex_
  std::map<std::string, std::jthread, std::less<>> threads_;   // guarded by mutex_; joined first
};

}  // namespace citas::ops

// ProjectionsAdmin: rebuilds projections in the background, for the operators' routes.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "api/dependencies.h"
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

  // While the disk is nearly full: cancels what runs, and refuses new ones with StorageFull.
  void allow_rebuilds(bool allowed);

 private:
  void rebuild(const std::string& name, std::stop_token stop);
  void report(const projections::RebuildReport& report);

  projections::ProjectionEngine& engine_;
  JsonLog& log_;
  mutable std::mutex mutex_;
  bool allowed_ = true;                                        // guarded by mutex_
  std::map<std::string, api::Rebuild, std::less<>> rebuilds_;  // guarded by mutex_
  std::map<std::string, std::jthread, std::less<>> threads_;   // guarded by mutex_; joined first
};

}  // namespace citas::ops

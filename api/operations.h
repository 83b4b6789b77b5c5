// The operators' routes: liveness, readiness, metrics, projections.
#pragma once

#include <vector>

#include "api/dependencies.h"
#include "api/router.h"

namespace citas::api {

// Thread-safe. Borrows; outlives its routes.
class OperationRoutes {
 public:
  explicit OperationRoutes(const Dependencies& dependencies) : system_(dependencies) {}

  // They refer to this object.
  std::vector<Route> routes() const;

 private:
  Reply liveness(const Call& call) const;
  Reply readiness(const Call& call) const;
  Reply metrics(const Call& call) const;
  Reply projections(const Call& call) const;
  Reply rebuild(const Call& call) const;

  const Dependencies& system_;
};

}  // namespace citas::api

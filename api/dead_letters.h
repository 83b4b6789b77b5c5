// The operators' routes to dead letters: list, look up, retry, discard.
#pragma once

#include <vector>

#include "api/dependencies.h"
#include "api/router.h"

namespace citas::api {

// Thread-safe. Borrows; outlives its routes.
class DeadLetterRoutes {
 public:
  explicit DeadLetterRoutes(const Dependencies& dependencies) : system_(dependencies) {}

  // They refer to this object.
  std::vector<Route> routes() const;

 private:
  Reply list(const Call& call) const;
  Reply find(const Call& call) const;
  Reply retry(const Call& call) const;
  Reply discard(const Call& call) const;
  // Executes, and shows the letter as the command left it.
  Reply decide(commands::Command command) const;

  const Dependencies& system_;
};

}  // namespace citas::api

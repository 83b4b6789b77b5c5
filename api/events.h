// The routes of the event log: pages and streams of events, one event, the head.
#pragma once

#include <optional>
#include <vector>

#include "api/dependencies.h"
#include "api/event_reader.h"
#include "api/router.h"

namespace citas::api {

// Thread-safe. Borrows; outlives its routes.
class EventRoutes {
 public:
  explicit EventRoutes(const Dependencies& dependencies)
      : system_(dependencies), reader_(dependencies.log, dependencies.codec, kDefaultTenant) {}

  // They refer to this object.
  std::vector<Route> routes() const;

 private:
  Reply list(const Call& call) const;
  Reply page(const Call& call) const;
  Reply stream(const Call& call) const;
  Reply one(const Call& call) const;
  Reply head(const Call& call) const;
  std::optional<Reply> wait_for_log(std::optional<Position> minimum, const Call& call) const;

  const Dependencies& system_;
  const EventReader reader_;
};

}  // namespace citas::api

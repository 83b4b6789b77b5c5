// PendingAppointments: the port to the requests that no country has answered yet.
//
// Implemented by a read model and wired in ops; slightly stale is good enough.
#pragma once

#include <optional>
#include <vector>

#include "events/base/result.h"
#include "events/event.h"

namespace citas::workers {

struct PendingRequest {
  CountryCode country;
  Position position;  // of the request event
  Timestamp requested_at;
  friend bool operator==(const PendingRequest&, const PendingRequest&) = default;
};

class PendingAppointments {
 public:
  virtual ~PendingAppointments() = default;
  // Requested before `time`, in the order of (requested_at, position), those behind `after` (from
  // the start without), at most `limit`. Unavailable: not now.
  virtual Result<std::vector<PendingRequest>> requested_before(
      Timestamp time, const std::optional<PendingRequest>& after, std::size_t limit) const = 0;
};

}  // namespace citas::workers

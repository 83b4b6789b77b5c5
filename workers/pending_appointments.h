// PendingAppointments: the port to the requests that no country has answered yet, and that nobody
// has given up.
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
  // Of those that an operator wants tried again: the position and time of that event; else 0.
  Position retry = Position{0};
  Timestamp retried_at = {};
  friend bool operator==(const PendingRequest&, const PendingRequest&) = default;
};

class PendingAppointments {
 public:
  virtual ~PendingAppointments() = default;
  // Those never retried that were requested before `time`, in the order of (requested_at,
  // position), those behind `after` (from the start without), at most `limit`. Unavailable: not
  // now.
  virtual Result<std::vector<PendingRequest>> requested_before(
      Timestamp time, const std::optional<PendingRequest>& after, std::size_t limit) const = 0;
  // Those retried, in the order of `retry`, likewise.
  virtual Result<std::vector<PendingRequest>> retried(const std::optional<PendingRequest>& after,
                                                      std::size_t limit) const = 0;
};

}  // namespace citas::workers

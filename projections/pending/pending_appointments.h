// pending_appointments: requests that no country has answered yet, oldest first. The reconciler's.
//
// Keys (integers are big-endian):
//
//   'p' requested_at(8) position(8)   what is needed to ask again: country(2) ‖ id(16) ‖ tenant
//   'l' tenant 0 id(16)               where it is: requested_at(8) ‖ position(8)
//
// A request leaves when it is confirmed, rejected, cancelled or dead-lettered.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "events/event.h"
#include "projections/live_projection.h"
#include "projections/projection.h"

namespace citas::projections {

class PendingAppointments final : public Projection {
 public:
  static constexpr std::string_view kName = "pending_appointments";

  std::string_view name() const override { return kName; }
  std::uint32_t version() const override { return 1; }
  Status apply(const Event& event, ReadModelBatch& batch) const override;
};

struct PendingAppointment {
  TenantId tenant;
  AppointmentId appointment;
  CountryCode country;
  Position requested;      // position of its request event
  Timestamp requested_at;  // time of its request event
  friend bool operator==(const PendingAppointment&, const PendingAppointment&) = default;
};

// Where a page ended: the request that came last.
struct PendingCursor {
  Timestamp requested_at;
  Position requested;
};

// Thread-safe.
class PendingQuery {
 public:
  // Borrows.
  explicit PendingQuery(const LiveProjection& live) : live_(live) {}

  // Those requested before `time`, oldest first, behind `after`, at most `limit`.
  // Unavailable: being built; Corruption: rebuild the projection.
  Result<std::vector<PendingAppointment>> requested_before(
      Timestamp time, const std::optional<PendingCursor>& after, std::size_t limit) const;

 private:
  const LiveProjection& live_;
};

}  // namespace citas::projections

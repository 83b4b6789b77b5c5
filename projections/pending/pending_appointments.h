// pending_appointments: requests that no country has answered yet, oldest first. The reconciler's.
//
// Keys (integers are big-endian):
//
//   'p' requested_at(8) position(8)   what is needed to ask again: country(2) ‖ id(16) ‖ tenant
//   'r' position of the retry(8)      the same of those that an operator wants tried again:
//                                     retried_at(8) ‖ requested_at(8) ‖ position(8) ‖ country(2)
//                                     ‖ id(16) ‖ tenant
//   'l' tenant 0 id(16)               requested_at(8) ‖ position(8) ‖ the key of its entry above,
//                                     nothing while it is a dead letter
//
// A request leaves for good when it is confirmed, rejected or cancelled. While it is a dead letter
// it is not asked for again, until its retry.
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
  std::uint32_t version() const override { return 2; }
  // The reconciler asks for what has waited for seconds.
  std::chrono::milliseconds patience() const override { return std::chrono::milliseconds{100}; }
  Status apply(const Event& event, ReadModelBatch& batch) const override;
};

struct PendingAppointment {
  TenantId tenant;
  AppointmentId appointment;
  CountryCode country;
  Position requested;      // position of its request event
  Timestamp requested_at;  // time of its request event
  // Position and time of its retry; 0 where there was none.
  Position retry = Position{0};
  Timestamp retried_at = {};
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

  // Those never retried that were requested before `time`, oldest first, behind `after`, at most
  // `limit`. Unavailable: being built; Corruption: rebuild the projection.
  Result<std::vector<PendingAppointment>> requested_before(
      Timestamp time, const std::optional<PendingCursor>& after, std::size_t limit) const;
  // Those retried behind the retry at `after`, the first retry first. Errors likewise.
  Result<std::vector<PendingAppointment>> retried(Position after, std::size_t limit) const;

 private:
  using Parse = Result<PendingAppointment> (*)(std::string_view key, std::string_view value);
  Result<std::vector<PendingAppointment>> read(const KeyRange& range, Parse parse,
                                               std::size_t limit) const;

  const LiveProjection& live_;
};

}  // namespace citas::projections

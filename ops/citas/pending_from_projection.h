// PendingFromProjection: the reconciler's question, answered by the read model.
#pragma once

#include <optional>
#include <vector>

#include "projections/pending/pending_appointments.h"
#include "workers/pending_appointments.h"

namespace citas::ops {

class PendingFromProjection final : public workers::PendingAppointments {
 public:
  explicit PendingFromProjection(const projections::LiveProjection& live) : query_(live) {}

  Result<std::vector<workers::PendingRequest>> requested_before(
      Timestamp time, const std::optional<workers::PendingRequest>& after,
      std::size_t limit) const override {
    std::optional<projections::PendingCursor> cursor;
    if (after) cursor = {after->requested_at, after->position};
    return query_.requested_before(time, cursor, limit).map(to_requests);
  }

  Result<std::vector<workers::PendingRequest>> retried(
      const std::optional<workers::PendingRequest>& after, std::size_t limit) const override {
    return query_.retried(after ? after->retry : Position{0}, limit).map(to_requests);
  }

 private:
  static std::vector<workers::PendingRequest> to_requests(
      const std::vector<projections::PendingAppointment>& found) {
    std::vector<workers::PendingRequest> requests;
    for (const auto& one : found) {
      requests.push_back({one.country, one.requested, one.requested_at, one.retry, one.retried_at});
    }
    return requests;
  }

  projections::PendingQuery query_;
};

}  // namespace citas::ops

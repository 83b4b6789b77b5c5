// The routes of an insured's appointments: request, list, look up, history, cancel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/dependencies.h"
#include "api/pending_writes.h"
#include "api/router.h"

namespace citas::api {

// Thread-safe. Borrows both; they outlive it and its routes.
class AppointmentRoutes {
 public:
  AppointmentRoutes(const Dependencies& dependencies, PendingWrites& writes)
      : system_(dependencies), writes_(writes) {}

  // They refer to this object.
  std::vector<Route> routes() const;

 private:
  Reply request(const Call& call) const;
  Reply cancel(const Call& call) const;
  Reply list(const Call& call) const;
  Reply find(const Call& call) const;
  Reply history(const Call& call) const;

  Answer cancelled(const commands::Outcome& outcome, const TenantId& tenant,
                   const commands::CancelAppointment& asked) const;

  const Dependencies& system_;
  PendingWrites& writes_;
};

}  // namespace citas::api

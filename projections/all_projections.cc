#include "projections/all_projections.h"

#include "projections/appointments/appointments_by_insured.h"
#include "projections/pending/pending_appointments.h"

namespace citas::projections {

std::vector<std::unique_ptr<const Projection>> all_projections() {
  std::vector<std::unique_ptr<const Projection>> all;
  all.push_back(std::make_unique<AppointmentsByInsured>());
  all.push_back(std::make_unique<PendingAppointments>());
  return all;
}

}  // namespace citas::projections

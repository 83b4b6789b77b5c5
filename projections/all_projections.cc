#include "projections/all_projections.h"

#include "projections/appointments/appointments_by_insured.h"
#include "projections/dead_letters/dead_letters.h"
#include "projections/pending/pending_appointments.h"

namespace citas::projections {

std::vector<std::unique_ptr<const Projection>> all_projections() {
  std::vector<std::unique_ptr<const Projection>> all;
  all.push_back(std::make_unique<AppointmentsByInsured>());
  all.push_back(std::make_unique<PendingAppointments>());
  all.push_back(std::make_unique<DeadLetters>());
  return all;
}

}  // namespace citas::projections

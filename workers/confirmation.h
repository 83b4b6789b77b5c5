// Confirmation: what a country says about a request, as it travels on
// citas.confirmations.<COUNTRY>.
//
//   {"type":"AppointmentConfirmation","source":"appointment.service","appointmentId":…,
//    "requestEventId":…,"countryISO":…,"outcome":"confirmed","registrationId":…}
//   {… "outcome":"refused","reason":…}    without a reason: "unspecified"
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "events/base/result.h"
#include "events/ids.h"

namespace citas::workers {

struct Confirmation {
  AppointmentId appointment;
  EventId request;
  CountryCode country;
  std::variant<RegistrationId, ReasonCode> outcome;  // confirmed as, or refused because
  friend bool operator==(const Confirmation&, const Confirmation&) = default;
};

// The same request and outcome always have the same id: "<requestEventId>/<outcome>".
std::string message_id(const Confirmation& confirmation);
std::string encode(const Confirmation& confirmation);
// Strict, safe on hostile bytes. InvalidArgument: not a confirmation.
Result<Confirmation> parse_confirmation(std::string_view bytes);

}  // namespace citas::workers

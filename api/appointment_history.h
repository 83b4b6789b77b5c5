// What happened to one appointment, read from the log itself.
#pragma once

#include <string>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"

namespace citas::api {

struct AppointmentHistory {
  // {"appointmentId":…,"events":[{"position":…,"type":…,"time":…,"actor":…,"data":…}…]}
  std::string json;
  Position last_changed;
};

// The events of the appointment's tag up to `last`, as they are stored. NotFound: there is no such
// appointment, or it is another insured's. Other errors are the log's.
Result<AppointmentHistory> read_history(const EventLog& log, const Codec& codec,
                                        const TenantId& tenant, const InsuredId& insured,
                                        AppointmentId appointment, Position last);

}  // namespace citas::api

// AppointmentRow: an appointment as clients see it, stored ready to be sent.
//
//   {"appointmentId":…,"insuredId":…,"scheduleId":…,"countryISO":…,["centerId":…,]
//    ["specialtyId":…,]["medicId":…,]["date":…,]"createdAt":…,["registrationId":…,]
//    "status":…,"lifecycle":…,["reason":…,]"updatedAt":…}
//
// What stays comes first, so that a change of state copies it and writes only the rest anew.
// A stored row is a fixed head, for filters and entity tags, and this text:
//
//   status (1) ‖ lifecycle (1) ‖ country (2) ‖ changed_at (8) ‖ size of what stays (2) ‖ JSON
//
// Integers are big-endian.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/event.h"

namespace citas::projections {

// How far the request has come. Never mixed with the lifecycle, which is the visit's. The numbers
// are stored.
enum class RequestStatus : unsigned char {
  kPending = 0,
  kCompleted = 1,
  kFailed = 2,
  kCancelled = 3,
};
enum class Lifecycle : unsigned char {
  kRequested = 0,
  kBooked = 1,
  kRejected = 2,
  kCancelled = 3,
  // Part of the contract, and asked for; no event brings an appointment there yet.
  kArrived = 4,
  kFulfilled = 5,
  kNoShow = 6,
};
inline constexpr std::size_t kLifecycles = 7;
inline constexpr std::size_t kReachedLifecycles = 4;  // those that an appointment can have so far

// As in the public contract: "pending", "requested", …
std::string_view to_string(RequestStatus status);
std::string_view to_string(Lifecycle lifecycle);
std::optional<RequestStatus> parse_request_status(std::string_view text);
std::optional<Lifecycle> parse_lifecycle(std::string_view text);

// The status of a request whose visit is at `lifecycle`.
RequestStatus status_of(Lifecycle lifecycle);

// A stored row, taken apart. Borrows.
struct AppointmentRow {
  RequestStatus status;
  Lifecycle lifecycle;
  CountryCode country;
  Position changed_at;     // the event that last changed it
  std::string_view stays;  // the part of the JSON that no event changes, from "{"
  std::string_view json;
};
// Corruption: these are not the bytes of a row.
Result<AppointmentRow> parse_row(std::string_view stored);

// The stored row of a new appointment. `event` carries `request`.
std::string new_row(const Event& event, const AppointmentRequested& request);
// The stored row after a later event.
std::string confirmed_row(const AppointmentRow& row, const Event& event,
                          const AppointmentConfirmed& data);
std::string rejected_row(const AppointmentRow& row, const Event& event,
                         const AppointmentRejected& data);
std::string cancelled_row(const AppointmentRow& row, const Event& event,
                          const AppointmentCancelled& data);

// The JSON of a new appointment, for those who answer the request itself.
std::string appointment_json(const Event& event, const AppointmentRequested& request);

}  // namespace citas::projections

#include "projections/appointments/appointment_row.h"

#include <array>

#include "events/base/check.h"
#include "projections/fields.h"

namespace citas::projections {
namespace {

constexpr std::array<std::string_view, 4> kStatusNames{"pending", "completed", "failed",
                                                       "cancelled"};
constexpr std::array<std::string_view, kLifecycles> kLifecycleNames{
    "requested", "booked", "rejected", "cancelled", "arrived", "fulfilled", "noshow"};

constexpr std::size_t kHeadSize = 1 + 1 + 2 + 8 + 2;

template <typename Enum, std::size_t size>
std::optional<Enum> parse_name(const std::array<std::string_view, size>& names,
                               std::string_view text) {
  for (std::size_t i = 0; i < size; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// Every text below is made of characters that JSON takes as they are.
void append_text(std::string& json, std::string_view name, std::string_view value) {
  json.append(1, '"').append(name).append("\":\"").append(value).append("\",");
}

void append_number(std::string& json, std::string_view name, std::int64_t value) {
  json.append(1, '"').append(name).append("\":").append(std::to_string(value)).append(1, ',');
}

void append_number(std::string& json, std::string_view name, std::optional<std::int64_t> value) {
  if (value) append_number(json, name, *value);
}

void append_id(std::string& json, std::string_view name, const Uuid& value) {
  std::array<char, kUuidTextSize> text;
  value.write(text.data());
  append_text(json, name, {text.data(), text.size()});
}

void append_time(std::string& json, std::string_view name, Timestamp value) {
  std::array<char, kRfc3339Size> text;
  write_rfc3339(value, text.data());
  append_text(json, name, {text.data(), text.size()});
}

void append_what_stays(std::string& json, const Event& event, const AppointmentRequested& request) {
  const auto& [ref, details] = request;
  json.push_back('{');
  append_id(json, "appointmentId", ref.appointment.value());
  append_text(json, "insuredId", ref.insured.text());
  append_number(json, "scheduleId", ref.slot.schedule.value());
  append_text(json, "countryISO", ref.slot.country.text());
  append_number(json, "centerId", details.center);
  append_number(json, "specialtyId", details.specialty);
  append_number(json, "medicId", details.medic);
  if (details.date) append_time(json, "date", *details.date);
  append_time(json, "createdAt", event.time);
}

void append_what_changes(std::string& json, Lifecycle lifecycle, const ReasonCode* reason,
                         Timestamp updated_at) {
  append_text(json, "status", to_string(status_of(lifecycle)));
  append_text(json, "lifecycle", to_string(lifecycle));
  if (reason) append_text(json, "reason", reason->text());
  append_time(json, "updatedAt", updated_at);
  json.back() = '}';
}

void append_head(std::string& row, Lifecycle lifecycle, const CountryCode& country,
                 Position changed_at) {
  row.push_back(static_cast<char>(status_of(lifecycle)));
  row.push_back(static_cast<char>(lifecycle));
  row.append(country.text());
  append_big_endian(row, changed_at.value());
  append_big_endian(row, std::uint16_t{0});  // set by finish_row()
}

// Completes a row that holds its head and the part of its JSON that stays.
std::string finish_row(std::string row, Lifecycle lifecycle, const ReasonCode* reason,
                       Timestamp updated_at) {
  const auto stays = to_big_endian(static_cast<std::uint16_t>(row.size() - kHeadSize));
  std::memcpy(row.data() + kHeadSize - sizeof stays, &stays, sizeof stays);
  append_what_changes(row, lifecycle, reason, updated_at);
  return row;
}

// The same appointment at another lifecycle, up to the part of its JSON that stays.
std::string begin_row(const AppointmentRow& row, Lifecycle lifecycle, Position changed_at) {
  std::string next;
  next.reserve(kHeadSize + row.json.size() + 128);
  append_head(next, lifecycle, row.country, changed_at);
  next.append(row.stays);
  return next;
}

}  // namespace

std::string_view to_string(RequestStatus status) {
  return kStatusNames[static_cast<std::size_t>(status)];
}

std::string_view to_string(Lifecycle lifecycle) {
  return kLifecycleNames[static_cast<std::size_t>(lifecycle)];
}

std::optional<RequestStatus> parse_request_status(std::string_view text) {
  return parse_name<RequestStatus>(kStatusNames, text);
}

std::optional<Lifecycle> parse_lifecycle(std::string_view text) {
  return parse_name<Lifecycle>(kLifecycleNames, text);
}

RequestStatus status_of(Lifecycle lifecycle) {
  switch (lifecycle) {
    case Lifecycle::kRequested:
      return RequestStatus::kPending;
    case Lifecycle::kBooked:
    case Lifecycle::kArrived:
    case Lifecycle::kFulfilled:
    case Lifecycle::kNoShow:
      return RequestStatus::kCompleted;
    case Lifecycle::kRejected:
      return RequestStatus::kFailed;
    case Lifecycle::kCancelled:
      return RequestStatus::kCancelled;
  }
  CHECK(false);
}

Result<AppointmentRow> parse_row(std::string_view stored) {
  const auto wrong = [] {
    return failure(ErrorCode::kCorruption,
                   "a stored appointment is unreadable: rebuild appointments_by_insured");
  };
  if (stored.size() <= kHeadSize) return wrong();
  const std::size_t status = static_cast<unsigned char>(stored[0]);
  const std::size_t lifecycle = static_cast<unsigned char>(stored[1]);
  const auto country = CountryCode::parse(stored.substr(2, 2));
  const std::size_t stays = read_big_endian<std::uint16_t>(stored, 12);
  const std::string_view json = stored.substr(kHeadSize);
  if (status >= kStatusNames.size() || lifecycle >= kReachedLifecycles || !country ||
      stays > json.size()) {
    return wrong();
  }
  return AppointmentRow{.status = static_cast<RequestStatus>(status),
                        .lifecycle = static_cast<Lifecycle>(lifecycle),
                        .country = *country,
                        .changed_at = Position{read_big_endian<std::uint64_t>(stored, 4)},
                        .stays = json.substr(0, stays),
                        .json = json};
}

std::string new_row(const Event& event, const AppointmentRequested& request) {
  std::string row;
  row.reserve(512);
  append_head(row, Lifecycle::kRequested, request.ref.slot.country, event.position);
  append_what_stays(row, event, request);
  return finish_row(std::move(row), Lifecycle::kRequested, nullptr, event.time);
}

std::string confirmed_row(const AppointmentRow& row, const Event& event,
                          const AppointmentConfirmed& data) {
  std::string next = begin_row(row, Lifecycle::kBooked, event.position);
  append_id(next, "registrationId", data.registration.value());
  return finish_row(std::move(next), Lifecycle::kBooked, nullptr, event.time);
}

std::string rejected_row(const AppointmentRow& row, const Event& event,
                         const AppointmentRejected& data) {
  return finish_row(begin_row(row, Lifecycle::kRejected, event.position), Lifecycle::kRejected,
                    &data.reason, event.time);
}

std::string cancelled_row(const AppointmentRow& row, const Event& event,
                          const AppointmentCancelled& data) {
  return finish_row(begin_row(row, Lifecycle::kCancelled, event.position), Lifecycle::kCancelled,
                    data.reason ? &*data.reason : nullptr, event.time);
}

std::string appointment_json(const Event& event, const AppointmentRequested& request) {
  std::string json;
  json.reserve(512);
  append_what_stays(json, event, request);
  append_what_changes(json, Lifecycle::kRequested, nullptr, event.time);
  return json;
}

}  // namespace citas::projections

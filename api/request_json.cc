#include "api/request_json.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "api/json_object.h"

namespace citas::api {
namespace {

using commands::RequestAppointment;
using Fault = std::optional<FieldFault>;

constexpr FieldFault kNotInsuredId{"invalid_insured_id",
                                   "must be a string of exactly five ASCII digits"};
constexpr FieldFault kNotPositive{"invalid_integer",
                                  "must be an integer from 1 to 9007199254740991"};
constexpr FieldFault kNotDate{"invalid_date", "must be an RFC 3339 date-time with an offset"};

constexpr std::array<std::string_view, 6> kReasons{"insured_request", "medic_unavailable",
                                                   "center_closed",   "schedule_changed",
                                                   "duplicate",       "other"};
const std::string kOneOfReasons = one_of(kReasons);
const std::string kOneOfDiscardReasons = one_of(kDiscardReasons);
const FieldFault kNotReason{"invalid_reason", kOneOfReasons};
const FieldFault kNotDiscardReason{"invalid_reason", kOneOfDiscardReasons};

// Stores what a parser made of a string.
template <typename T, typename Parse>
Fault read_text(const JsonValue& value, const Parse& parse, const FieldFault& fault, T& out) {
  if (value.kind != JsonValue::Kind::kString) return fault;
  const auto parsed = parse(value.text);
  if (!parsed) return fault;
  out = *parsed;
  return std::nullopt;
}

template <typename T>
Fault read_positive(const JsonValue& value, T& out) {
  if (value.kind != JsonValue::Kind::kInteger) return kNotPositive;
  if (value.integer < 1 || value.integer > kMaxJsonInteger) return kNotPositive;
  out = T{value.integer};
  return std::nullopt;
}

// Reads a reason of a closed list.
Fault read_reason(const JsonValue& value, std::span<const std::string_view> reasons,
                  const FieldFault& fault, std::optional<ReasonCode>& out) {
  const auto parse = [&](std::string_view text) -> std::optional<ReasonCode> {
    if (std::ranges::find(reasons, text) == reasons.end()) return std::nullopt;
    return ReasonCode::parse(text);
  };
  return read_text(value, parse, fault, out);
}

// Offsets can move a date out of the years that four digits can write.
std::optional<Timestamp> parse_date(std::string_view text) {
  using std::chrono::sys_days;
  using std::chrono::year;
  constexpr sys_days kFirst{year{0} / 1 / 1};
  constexpr sys_days kEnd{year{10'000} / 1 / 1};
  const auto date = parse_rfc3339(text);
  return date && *date >= kFirst && *date < kEnd ? date : std::nullopt;
}

// In the order of kBookingFields.
enum BookingField : std::size_t {
  kInsured,
  kSchedule,
  kCountry,
  kCenter,
  kSpecialty,
  kMedic,
  kDate
};
constexpr std::array<JsonField, 7> kBookingFields{{{"insuredId", true},
                                                   {"scheduleId", true},
                                                   {"countryISO", true},
                                                   {"centerId"},
                                                   {"specialtyId"},
                                                   {"medicId"},
                                                   {"date"}}};

Fault read_booking_field(std::size_t field, const JsonValue& value, RequestAppointment& booking) {
  switch (static_cast<BookingField>(field)) {
    case kInsured:
      return read_text(value, InsuredId::parse, kNotInsuredId, booking.insured);
    case kSchedule:
      return read_positive(value, booking.slot.schedule);
    case kCountry:
      return read_text(value, CountryCode::parse, kNotCountry, booking.slot.country);
    case kCenter:
      return read_positive(value, booking.details.center);
    case kSpecialty:
      return read_positive(value, booking.details.specialty);
    case kMedic:
      return read_positive(value, booking.details.medic);
    case kDate:
      return read_text(value, parse_date, kNotDate, booking.details.date);
  }
  return std::nullopt;
}

void add_if_new(std::vector<FieldError>& errors, std::optional<FieldError> error) {
  if (!error) return;
  if (std::ranges::find(errors, error->field, &FieldError::field) != errors.end()) return;
  errors.push_back(std::move(*error));
}

// Adds what time and configuration refuse, except of fields that are wrong already.
void add_policy_errors(const RequestAppointment& booking, Timestamp now,
                       const std::set<CountryCode>& countries, std::vector<FieldError>& errors) {
  for (const auto code : commands::policy_violations(booking, now, countries)) {
    add_if_new(errors, field_error_of(code));
  }
}

// Reads an object and adds what is wrong with it. The problem of a body that could not be read.
std::optional<Problem> read_into(std::vector<FieldError>& errors, std::string_view body,
                                 std::span<const JsonField> fields, const FieldReader& read) {
  auto found = read_object(body, fields, read);
  if (!found) return std::move(found.error());
  std::ranges::move(*found, std::back_inserter(errors));
  return std::nullopt;
}

}  // namespace

tl::expected<RequestAppointment, Problem> parse_booking(std::string_view body, Timestamp now,
                                                        const std::set<CountryCode>& countries,
                                                        std::vector<FieldError> errors) {
  RequestAppointment booking;
  const auto read = [&](std::size_t field, const JsonValue& value) {
    return read_booking_field(field, value, booking);
  };
  if (auto unreadable = read_into(errors, body, kBookingFields, read)) {
    return tl::unexpected(std::move(*unreadable));
  }
  if (errors.empty()) return booking;
  add_policy_errors(booking, now, countries, errors);
  return tl::unexpected(validation_problem(std::move(errors)));
}

tl::expected<std::optional<ReasonCode>, Problem> parse_cancellation(
    std::string_view body, std::vector<FieldError> errors) {
  constexpr std::array<JsonField, 1> kFields{{{"reason"}}};
  std::optional<ReasonCode> reason;
  const auto read = [&](std::size_t, const JsonValue& value) {
    return read_reason(value, kReasons, kNotReason, reason);
  };
  if (auto unreadable = read_into(errors, body.empty() ? "{}" : body, kFields, read)) {
    return tl::unexpected(std::move(*unreadable));
  }
  if (errors.empty()) return reason;
  return tl::unexpected(validation_problem(std::move(errors)));
}

tl::expected<ReasonCode, Problem> parse_discard(std::string_view body,
                                                std::vector<FieldError> errors) {
  constexpr std::array<JsonField, 1> kFields{{{"reason", true}}};
  std::optional<ReasonCode> reason;
  const auto read = [&](std::size_t, const JsonValue& value) {
    return read_reason(value, kDiscardReasons, kNotDiscardReason, reason);
  };
  if (auto unreadable = read_into(errors, body, kFields, read)) {
    return tl::unexpected(std::move(*unreadable));
  }
  if (!errors.empty()) return tl::unexpected(validation_problem(std::move(errors)));
  return *std::move(reason);
}

std::optional<Problem> refuse_body(std::string_view body) {
  if (body.empty()) return std::nullopt;
  auto errors = read_object(body, {}, [](std::size_t, const JsonValue&) { return std::nullopt; });
  if (!errors) return std::move(errors.error());
  if (!errors->empty()) return validation_problem(std::move(*errors));
  return std::nullopt;
}

Problem policy_problem(const RequestAppointment& booking, Timestamp now,
                       const std::set<CountryCode>& countries,
                       const commands::Rejection& rejection) {
  std::vector<FieldError> errors;
  add_if_new(errors, field_error_of(rejection.code));
  add_policy_errors(booking, now, countries, errors);
  return validation_problem(std::move(errors));
}

}  // namespace citas::api

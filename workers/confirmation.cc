#include "workers/confirmation.h"

#include <nlohmann/json.hpp>

#include "workers/flat_json.h"

namespace citas::workers {
namespace {

constexpr std::string_view kType = "AppointmentConfirmation";
constexpr std::string_view kSource = "appointment.service";
constexpr std::string_view kConfirmed = "confirmed";
constexpr std::string_view kRefused = "refused";
constexpr std::string_view kNoReason = "unspecified";

std::string_view outcome_word(const Confirmation& confirmation) {
  return std::holds_alternative<RegistrationId>(confirmation.outcome) ? kConfirmed : kRefused;
}

auto wrong(const char* field) {
  return failure(ErrorCode::kInvalidArgument,
                 std::string("a confirmation whose ") + field + " is missing or wrong");
}

std::optional<Uuid> uuid_field(const FlatJson& json, std::string_view name) {
  const auto text = json.string(name);
  return text ? Uuid::parse(*text) : std::nullopt;
}

Result<std::variant<RegistrationId, ReasonCode>> read_outcome(const FlatJson& json) {
  const auto word = json.string("outcome");
  if (word == kConfirmed) {
    const auto registration = uuid_field(json, "registrationId");
    if (!registration || json.has("reason")) return wrong("registrationId");
    return RegistrationId{*registration};
  }
  if (word != kRefused) return wrong("outcome");
  // A processor may have registered the request before it refused it: that says nothing here.
  if (json.has("registrationId") && !uuid_field(json, "registrationId")) {
    return wrong("registrationId");
  }
  if (!json.has("reason")) return ReasonCode::parse(kNoReason).value();
  const auto text = json.string("reason");
  const auto reason = text ? ReasonCode::parse(*text) : std::nullopt;
  if (!reason) return wrong("reason");
  return *reason;
}

}  // namespace

std::string message_id(const Confirmation& confirmation) {
  return confirmation.request.value().to_string().append("/").append(outcome_word(confirmation));
}

std::string encode(const Confirmation& confirmation) {
  nlohmann::ordered_json json{{"type", kType},
                              {"source", kSource},
                              {"appointmentId", confirmation.appointment.value().to_string()},
                              {"requestEventId", confirmation.request.value().to_string()},
                              {"countryISO", confirmation.country.text()},
                              {"outcome", outcome_word(confirmation)}};
  if (const auto* registration = std::get_if<RegistrationId>(&confirmation.outcome)) {
    json["registrationId"] = registration->value().to_string();
  } else {
    json["reason"] = std::get<ReasonCode>(confirmation.outcome).text();
  }
  return json.dump();
}

Result<Confirmation> parse_confirmation(std::string_view bytes) {
  auto json = FlatJson::parse(bytes, {"type", "source", "appointmentId", "requestEventId",
                                      "countryISO", "outcome", "registrationId", "reason"});
  if (!json) return failure(std::move(json.error()));
  if (json->string("type") != kType) return wrong("type");
  if (json->string("source") != kSource) return wrong("source");
  const auto appointment = uuid_field(*json, "appointmentId");
  if (!appointment) return wrong("appointmentId");
  const auto request = uuid_field(*json, "requestEventId");
  if (!request) return wrong("requestEventId");
  const auto country = CountryCode::parse(json->string("countryISO").value_or(""));
  if (!country) return wrong("countryISO");
  auto outcome = read_outcome(*json);
  if (!outcome) return failure(std::move(outcome.error()));
  return Confirmation{AppointmentId{*appointment}, EventId{*request}, *country,
                      std::move(*outcome)};
}

}  // namespace citas::workers

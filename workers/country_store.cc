#include "workers/country_store.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "workers/flat_json.h"

namespace citas::workers {
namespace {

using Json = nlohmann::ordered_json;

struct StateName {
  EntryState state;
  std::string_view name;
};
constexpr std::array<StateName, 3> kStates{{{EntryState::kRegistered, "registered"},
                                            {EntryState::kRefused, "refused"},
                                            {EntryState::kWithdrawn, "withdrawn"}}};

void put_request(Json& json, const AppointmentRequested& request) {
  json["appointmentId"] = request.ref.appointment.value().to_string();
  json["insuredId"] = request.ref.insured.text();
  json["scheduleId"] = request.ref.slot.schedule.value();
  json["countryISO"] = request.ref.slot.country.text();
  const VisitDetails& details = request.details;
  if (details.center) json["centerId"] = *details.center;
  if (details.specialty) json["specialtyId"] = *details.specialty;
  if (details.medic) json["medicId"] = *details.medic;
  if (details.date) json["date"] = format_rfc3339(*details.date);
}

std::optional<std::int64_t> integer(const FlatJson& json, std::string_view name) {
  const auto number = json.number(name);
  return number ? std::optional(static_cast<std::int64_t>(*number)) : std::nullopt;
}

std::optional<AppointmentRequested> read_request(const FlatJson& json) {
  const auto appointment = Uuid::parse(json.string("appointmentId").value_or(""));
  const auto insured = InsuredId::parse(json.string("insuredId").value_or(""));
  const auto country = CountryCode::parse(json.string("countryISO").value_or(""));
  const auto schedule = integer(json, "scheduleId");
  if (!appointment || !insured || !country || !schedule) return std::nullopt;
  AppointmentRequested request{
      .ref = {AppointmentId{*appointment}, *insured, {*country, ScheduleId{*schedule}}},
      .details = {.center = integer(json, "centerId"),
                  .specialty = integer(json, "specialtyId"),
                  .medic = integer(json, "medicId"),
                  .date = {}}};
  if (const auto date = json.string("date")) request.details.date = parse_rfc3339(*date);
  return request;
}

auto corrupt() {
  return failure(ErrorCode::kCorruption,
                 "an entry of a country's store cannot be read; the store is filled again once its "
                 "folder is deleted");
}

}  // namespace

bool must_sync(const CountryChanges& changes) {
  return !changes.entries.empty() || !changes.failed.empty();
}

CountryMark raised(CountryMark mark, const CountryChanges& changes) {
  mark.processed = std::max(mark.processed, changes.processed);
  if (changes.seen <= mark.seen) return mark;
  mark.seen = changes.seen;
  mark.hash = changes.hash;
  return mark;
}

std::string encode(const CountryEntry& entry) {
  Json json;
  for (const StateName& state : kStates) {
    if (state.state == entry.state) json["state"] = state.name;
  }
  if (entry.registration) json["registrationId"] = entry.registration->value().to_string();
  if (entry.refusal) json["reason"] = entry.refusal->text();
  if (entry.request) put_request(json, *entry.request);
  return json.dump();
}

Result<CountryEntry> decode_country_entry(std::string_view bytes) {
  const auto json = FlatJson::parse(
      bytes, {"state", "registrationId", "reason", "appointmentId", "insuredId", "scheduleId",
              "countryISO", "centerId", "specialtyId", "medicId", "date"});
  if (!json) return corrupt();
  const auto* state = std::ranges::find_if(
      kStates, [&](const StateName& known) { return json->string("state") == known.name; });
  if (state == kStates.end()) return corrupt();
  CountryEntry entry{.state = state->state};
  if (const auto registration = Uuid::parse(json->string("registrationId").value_or(""))) {
    entry.registration = RegistrationId{*registration};
  }
  entry.refusal = ReasonCode::parse(json->string("reason").value_or(""));
  if (json->has("appointmentId")) {
    entry.request = read_request(*json);
    if (!entry.request) return corrupt();
  }
  const bool complete = (entry.state != EntryState::kRegistered || entry.registration) &&
                        (entry.state != EntryState::kRefused || entry.refusal);
  if (!complete) return corrupt();
  return entry;
}

}  // namespace citas::workers

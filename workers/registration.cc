#include "workers/registration.h"

#include "events/base/sha256.h"
#include "events/base/uuid.h"

namespace citas::workers {
namespace {

Confirmation answer(const CountryEntry& entry, const Event& event, const AppointmentRef& ref) {
  Confirmation confirmation{ref.appointment, event.id, ref.slot.country, RegistrationId{}};
  if (entry.state == EntryState::kRegistered) {
    confirmation.outcome = *entry.registration;
  } else {
    confirmation.outcome = *entry.refusal;
  }
  return confirmation;
}

Result<RegistrationDecision> on_request(const std::optional<CountryEntry>& existing,
                                        const Event& event, const AppointmentRequested& request,
                                        const CountryRules& rules) {
  if (existing && existing->state == EntryState::kWithdrawn) return RegistrationDecision{};
  if (existing) return RegistrationDecision{{}, answer(*existing, event, request.ref)};
  auto refusal = rules.check(request);
  if (!refusal) return failure(std::move(refusal.error()));
  CountryEntry entry{.state = EntryState::kRegistered, .request = request};
  if (*refusal) {
    entry.state = EntryState::kRefused;
    entry.refusal = **refusal;
  } else {
    entry.registration = registration_of(request.ref.slot.country, request.ref.appointment);
  }
  return RegistrationDecision{entry, answer(entry, event, request.ref)};
}

RegistrationDecision on_end(const std::optional<CountryEntry>& existing) {
  if (existing && existing->state == EntryState::kWithdrawn) return {};
  CountryEntry entry = existing.value_or(CountryEntry{});
  entry.state = EntryState::kWithdrawn;
  return {entry, {}};
}

}  // namespace

RegistrationId registration_of(CountryCode country, AppointmentId appointment) {
  const Sha256 digest =
      sha256({"citas/registration/", country.text(), "/", appointment.value().to_string()});
  return RegistrationId{make_uuid_v8(digest)};
}

Result<RegistrationDecision> decide_registration(const std::optional<CountryEntry>& existing,
                                                 const Event& event, const CountryRules& rules) {
  using Decided = Result<RegistrationDecision>;
  return std::visit(
      Match{[&](const AppointmentRequested& request) -> Decided {
              return on_request(existing, event, request, rules);
            },
            [&](const AppointmentRejected&) -> Decided { return on_end(existing); },
            [&](const AppointmentCancelled&) -> Decided { return on_end(existing); },
            [](const AppointmentConfirmed&) -> Decided { return RegistrationDecision{}; },
            [](const DeadLetterRecorded&) -> Decided { return RegistrationDecision{}; },
            [](const DeadLetterRetried&) -> Decided { return RegistrationDecision{}; },
            [](const DeadLetterDiscarded&) -> Decided { return RegistrationDecision{}; }},
      event.data);
}

}  // namespace citas::workers

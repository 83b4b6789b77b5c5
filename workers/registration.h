// Registration: how a country enters requests into its own store. Pure.
//
//   nothing ──request, accepted──► registered ──cancelled, rejected──► withdrawn
//       ├─────request, refused───► refused ────cancelled, rejected──► withdrawn
//       └─────cancelled, rejected (they overtook the request)───────► withdrawn
//
// A withdrawn entry is a tombstone: a late request does not change it and gets no answer. A request
// that was answered is answered in the same way again.
#pragma once

#include <optional>

#include "events/base/result.h"
#include "events/event.h"
#include "workers/confirmation.h"
#include "workers/country_rules.h"

namespace citas::workers {

enum class EntryState { kRegistered, kRefused, kWithdrawn };

// What the country's store holds about an appointment.
struct CountryEntry {
  EntryState state = EntryState::kWithdrawn;
  // What was asked for; absent if the end was seen before the request.
  std::optional<AppointmentRequested> request = std::nullopt;
  std::optional<RegistrationId> registration = std::nullopt;  // when it was registered
  std::optional<ReasonCode> refusal = std::nullopt;           // when it was refused
  friend bool operator==(const CountryEntry&, const CountryEntry&) = default;
};

// Always the same for the same appointment: a UUIDv8 (RFC 9562, section 5.8) whose bits are the
// first of SHA-256("citas/registration/" ‖ country ‖ "/" ‖ appointment id).
RegistrationId registration_of(CountryCode country, AppointmentId appointment);

struct RegistrationDecision {
  std::optional<CountryEntry> store;    // the entry to write, if it changes
  std::optional<Confirmation> publish;  // the answer to give, if any
};

// What an event of the country means to its store. Error: the rules could not be applied.
Result<RegistrationDecision> decide_registration(const std::optional<CountryEntry>& existing,
                                                 const Event& event, const CountryRules& rules);

}  // namespace citas::workers

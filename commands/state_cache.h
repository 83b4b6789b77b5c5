// StateCache: the decision states of slots, appointments and dead letters, kept in memory and
// loaded from the log by tag when they are not.
//
// It is also the batch's overlay: apply() evolves the states of an event before it is stored, so
// that the next command of the same batch decides on it. Nothing leaves the cache between trims,
// since the log does not have those events yet. Belongs to the sequencer's thread.
//
// Errors of every call: the log could not be read, or what it holds is no event (Corruption).
#pragma once

#include <cstddef>
#include <unordered_map>
#include <variant>

#include "commands/booking/booking.h"
#include "commands/dead_letters/dead_letters.h"
#include "events/base/digest_hash.h"
#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"

namespace citas::commands {

class StateCache {
 public:
  // Borrows both. Keeps at most about `capacity` states after a trim().
  StateCache(const EventLog& log, const Codec& codec, std::size_t capacity)
      : log_(log), codec_(codec), capacity_(capacity) {}

  Result<SlotState> slot(const TenantId& tenant, const Slot& slot);
  Result<AppointmentState> appointment(const TenantId& tenant, AppointmentId appointment);
  Result<DeadLetterState> dead_letter(const TenantId& tenant, DeadLetterId letter);

  // Evolves what `event`, about to be stored, changes.
  Status apply(const Event& event);

  // Call between batches, when everything applied is in the log.
  void trim();

 private:
  using State = std::variant<SlotState, AppointmentState, DeadLetterState>;
  using Generation = std::unordered_map<TagDigest, State, DigestHash>;

  template <typename S>
  Result<S*> find_or_load(const TenantId& tenant, const Tag& tag);
  template <typename S>
  Result<S> load(const TenantId& tenant, const Tag& tag) const;
  Status apply_to_appointment(const Event& event, const AppointmentRef& ref);
  template <typename S>
  Status evolve_state(const Event& event, const Tag& tag);

  const EventLog& log_;
  const Codec& codec_;
  const std::size_t capacity_;
  // Two generations approximate least-recently-used: what is used moves to young_, and when that
  // holds half the capacity it becomes old_, and the former old_ is forgotten.
  Generation young_;
  Generation old_;
};

}  // namespace citas::commands

// Command: what the outside asks of the log, with who asks and how to recognise a repetition.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "commands/booking/booking.h"
#include "commands/dead_letters/dead_letters.h"
#include "commands/rejection.h"
#include "events/base/result.h"
#include "events/event.h"
#include "events/event_log.h"

namespace citas::commands {

// The order is part of what idempotency keys are compared by: new ones come last.
using CommandData =
    std::variant<RequestAppointment, ConfirmAppointment, RejectAppointment, CancelAppointment,
                 RecordDeadLetter, RetryDeadLetter, DiscardDeadLetter>;

// Recognises a repeated command for ever. Build it with idempotency_key().
struct IdempotencyKey {
  CommandKey key;         // SHA-256 over everything that scopes the client's key
  std::string canonical;  // the command in a canonical form; only a keyed digest of it is stored
};

// The key of a client's `Idempotency-Key`, within a principal, a route and a resource.
IdempotencyKey idempotency_key(const TenantId& tenant, std::string_view principal,
                               std::string_view route, std::string_view resource,
                               std::string_view client_key, const CommandData& command);

struct Command {
  CommandData data;
  TenantId tenant = kDefaultTenant;
  std::string actor;  // "anonymous", a principal, or "worker:<name>"
  std::optional<IdempotencyKey> idempotency = std::nullopt;
  std::optional<Uuid> correlation = std::nullopt;
  std::optional<EventId> causation = std::nullopt;
  std::string traceparent = {};
};

// What became of an accepted command. It is durable and committed when the caller sees it.
struct Accepted {
  // The event that answers the command: the one just appended, or the earlier one that it repeats.
  // nullopt when there was nothing to do (a worker's command on an appointment that moved on).
  std::optional<Event> event;
  bool replayed = false;  // nothing was appended by this call
  Position committed;     // read models at or beyond it reflect the outcome
};

// A Rejection is the domain's answer; an Error means that there was none:
//   Unavailable     the queue is full or the sequencer has stopped; nothing was done
//   UnknownOutcome  a write failed, or the deadline passed; repeat with the same key
using Refusal = std::variant<Rejection, Error>;
using Outcome = tl::expected<Accepted, Refusal>;

// Called once, on the sequencer's thread, after the batch is committed. Must not block.
using Completion = std::function<void(Outcome)>;

}  // namespace citas::commands

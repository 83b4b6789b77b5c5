// Problems: everything that can go wrong for a client, in one catalogue (RFC 9457).
//
// The catalogue in problems.cc is the only place that knows codes, names, titles, statuses and
// their meaning; it is served at /problems. What commands and ports report is mapped to it here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "commands/rejection.h"
#include "events/base/result.h"
#include "events/base/time.h"
#include "events/ids.h"

namespace citas::api {

enum class ProblemCode {
  kValidationFailed,
  kMalformedJson,
  kMalformedRequest,
  kCrossOrigin,
  kNotFound,
  kAppointmentNotFound,
  kEventNotFound,
  kDeadLetterNotFound,
  kProjectionNotFound,
  kProblemNotFound,
  kMethodNotAllowed,
  kNotAcceptable,
  kRequestTimeout,
  kSlotTaken,
  kAlreadyBooked,
  kNotCancellable,
  kDeadLetterDiscarded,
  kDeadLetterSettled,
  kDeadLetterNotRetryable,
  kRebuildRunning,
  kPreconditionFailed,
  kPayloadTooLarge,
  kUriTooLong,
  kUnsupportedMediaType,
  kExpectationFailed,
  kIdempotencyKeyReused,
  kHistoryTooLong,
  kHeadersTooLarge,
  kInternalError,
  kNotImplemented,
  kServiceUnavailable,
  kStorageFull,
  kUnknownOutcome,
  kPositionNotReached,
  kHttpVersionNotSupported,
};

// An entry of the catalogue.
struct ProblemType {
  ProblemCode id;
  std::string_view code;   // stable, snake_case: "slot_taken"
  std::string_view error;  // stable, PascalCase: "SlotTaken"
  std::string_view title;
  int status;
  std::string_view description;  // what happened and what to do, for the catalogue's reader
};

std::span<const ProblemType> problem_catalogue();
const ProblemType& type_of(ProblemCode code);
// nullptr: there is no problem of that code.
const ProblemType* find_problem(std::string_view code);

// One occurrence of a problem. Its texts hold no personal data: they end in answers and in logs.
struct Problem {
  ProblemCode code = ProblemCode::kInternalError;
  std::string detail;
  std::vector<FieldError> errors = {};
  std::optional<AppointmentId> appointment = {};  // kAlreadyBooked: the one they hold
  std::optional<Position> position = {};          // kPositionNotReached: the one reached
  std::string allow = {};                         // kMethodNotAllowed: the methods
  std::string cause = {};  // what went wrong inside, for the operator's log: never sent
};

// All invalid fields at once; the detail is made of their messages.
Problem validation_problem(std::vector<FieldError> errors);
Problem problem_of(const commands::Rejection& rejection);
Problem problem_of(const Error& error);
// Of a request that the HTTP server itself refused with this status.
Problem problem_of_status(int status, std::string_view detail);

// The field error that stands for a rejection of a field's value; nullopt for the other rejections.
std::optional<FieldError> field_error_of(commands::RejectionCode code);

// The RFC 9457 document. `request_id` is one that the request context has accepted or made.
std::string render(const Problem& problem, std::string_view request_id, Timestamp now);

// The catalogue, and one entry of it, as JSON documents.
std::string render_catalogue();
std::string render(const ProblemType& type);

}  // namespace citas::api

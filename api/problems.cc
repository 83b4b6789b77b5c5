#include "api/problems.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "events/base/check.h"
#include "events/base/json_text.h"

namespace citas::api {
namespace {

using Json = nlohmann::ordered_json;
using commands::RejectionCode;

// In the order of ProblemCode.
constexpr std::array kCatalogue{
    ProblemType{ProblemCode::kValidationFailed, "validation_failed", "ValidationError",
                "The request has invalid fields", 400,
                "Fields, parameters or headers are missing, unknown or invalid. `errors` lists all "
                "of them. Correct them and send the request again."},
    ProblemType{
        ProblemCode::kMalformedJson, "malformed_json", "MalformedJson",
        "The body is not acceptable JSON", 400,
        "The body is not one JSON object in UTF-8, nests too deeply, or holds a number that "
        "no 64-bit floating point can. Send a body that RFC 8259 allows."},
    ProblemType{ProblemCode::kMalformedRequest, "malformed_request", "MalformedRequest",
                "The request is not acceptable HTTP", 400,
                "The request line, a header or the framing of the body breaks HTTP/1.1 or is "
                "ambiguous. The connection is closed."},
    ProblemType{ProblemCode::kCrossOrigin, "cross_origin", "CrossOrigin",
                "A page of another site sent the request", 403,
                "A browser marked the request as one of another site's page (Sec-Fetch-Site or "
                "Origin). Send commands from a program, or from a page of this host."},
    ProblemType{ProblemCode::kNotFound, "not_found", "NotFound", "There is nothing at this path",
                404, "No resource has this path. The paths are listed in /openapi.json."},
    ProblemType{ProblemCode::kAppointmentNotFound, "appointment_not_found", "AppointmentNotFound",
                "There is no such appointment", 404,
                "The insured has no appointment of this id. Right after a write, pass its "
                "Citas-Position as minPosition to read what was written."},
    ProblemType{ProblemCode::kEventNotFound, "event_not_found", "EventNotFound",
                "There is no event at this position", 404,
                "The log has not reached this position. /events/head tells where it ends."},
    ProblemType{ProblemCode::kDeadLetterNotFound, "dead_letter_not_found", "DeadLetterNotFound",
                "There is no such dead letter", 404, "/dead-letters lists the dead letters."},
    ProblemType{ProblemCode::kProjectionNotFound, "projection_not_found", "ProjectionNotFound",
                "There is no such projection", 404, "/projections lists the projections' names."},
    ProblemType{ProblemCode::kProblemNotFound, "problem_not_found", "ProblemNotFound",
                "There is no such problem", 404, "/problems lists the problems' codes."},
    ProblemType{ProblemCode::kMethodNotAllowed, "method_not_allowed", "MethodNotAllowed",
                "The method is not allowed here", 405,
                "The path exists, but not for this method. The Allow header lists those that it "
                "takes."},
    ProblemType{ProblemCode::kNotAcceptable, "not_acceptable", "NotAcceptable",
                "No acceptable representation", 406,
                "The Accept header excludes every media type in which this resource can be sent."},
    ProblemType{ProblemCode::kRequestTimeout, "request_timeout", "RequestTimeout",
                "The request arrived too slowly", 408,
                "The whole request did not arrive in time. Nothing was done; send it again."},
    ProblemType{ProblemCode::kSlotTaken, "slot_taken", "SlotTaken", "The slot is taken", 409,
                "Another insured holds this slot (countryISO and scheduleId). Choose another one; "
                "this one may become free when its appointment is cancelled or rejected."},
    ProblemType{ProblemCode::kAlreadyBooked, "already_booked", "AlreadyBooked",
                "The insured holds this slot already", 409,
                "The same insured holds this slot with other details. `appointmentId` names that "
                "appointment; cancel it first to book again."},
    ProblemType{ProblemCode::kNotCancellable, "not_cancellable", "NotCancellable",
                "The appointment cannot be cancelled", 409,
                "Its country has refused the appointment, so that there is nothing to cancel."},
    ProblemType{ProblemCode::kDeadLetterDiscarded, "dead_letter_discarded", "DeadLetterDiscarded",
                "The dead letter was discarded", 409,
                "An operator has decided that it is not tried again, and that is final: its "
                "appointment, if it waited, has failed and its slot is free. The insured can book "
                "again."},
    ProblemType{ProblemCode::kDeadLetterSettled, "dead_letter_settled", "DeadLetterSettled",
                "The dead letter is settled", 409,
                "Its appointment has been completed, refused or cancelled: nothing is left to "
                "decide."},
    ProblemType{ProblemCode::kDeadLetterNotRetryable, "dead_letter_not_retryable",
                "DeadLetterNotRetryable", "The dead letter cannot be retried", 409,
                "It names no appointment of this log, so that there is nothing to send again. Find "
                "out where the message came from, then discard the letter."},
    ProblemType{ProblemCode::kRebuildRunning, "rebuild_running", "RebuildRunning",
                "The projection is being rebuilt already", 409,
                "A rebuild of this projection is running. /projections shows how far it is."},
    ProblemType{ProblemCode::kPreconditionFailed, "precondition_failed", "PreconditionFailed",
                "The appointment has changed", 412,
                "If-Match names a version that the appointment no longer has. Read it again, then "
                "decide."},
    ProblemType{ProblemCode::kPayloadTooLarge, "payload_too_large", "PayloadTooLarge",
                "The body is too large", 413, "Bodies may have up to 1 MiB."},
    ProblemType{ProblemCode::kUriTooLong, "uri_too_long", "UriTooLong", "The target is too long",
                414, "The path and query exceed the server's limit."},
    ProblemType{ProblemCode::kUnsupportedMediaType, "unsupported_media_type",
                "UnsupportedMediaType", "The body's media type is not supported", 415,
                "Send application/json in UTF-8, without a Content-Encoding."},
    ProblemType{ProblemCode::kExpectationFailed, "expectation_failed", "ExpectationFailed",
                "The expectation cannot be met", 417,
                "The only expectation that the server meets is 100-continue."},
    ProblemType{ProblemCode::kIdempotencyKeyReused, "idempotency_key_reused",
                "IdempotencyKeyReused", "The idempotency key belongs to another command", 422,
                "This Idempotency-Key was used before with another body. Use a new key for a new "
                "command, and the same body for a retry."},
    ProblemType{
        ProblemCode::kHistoryTooLong, "history_too_long", "HistoryTooLong",
        "The history is too long to answer for the past", 422,
        "asOf folds the events of the insured anew for the request, and there are too many "
        "of them. Ask for one appointment, for the present, or read /events?tag=insured:…."},
    ProblemType{ProblemCode::kHeadersTooLarge, "headers_too_large", "HeadersTooLarge",
                "The headers are too large", 431,
                "The header fields are too many or too long in total."},
    ProblemType{ProblemCode::kInternalError, "internal_error", "InternalError", "The server failed",
                500, "Something is wrong on the server. Quote the requestId to its operator."},
    ProblemType{ProblemCode::kNotImplemented, "not_implemented", "NotImplemented",
                "The request needs something that this server does not have", 501,
                "The method or the transfer coding is not implemented."},
    ProblemType{ProblemCode::kServiceUnavailable, "service_unavailable", "ServiceUnavailable",
                "The server cannot take the request now", 503,
                "The server is overloaded, starting or stopping. Nothing was done; send the "
                "request again after the Retry-After seconds."},
    ProblemType{ProblemCode::kStorageFull, "storage_full", "StorageFull",
                "The server's disk is nearly full", 503,
                "The disk under the event log has so little room left that the server takes no "
                "writes; reads go on. Nothing was done; send the request again after the "
                "Retry-After seconds. Operators find the figures at /readyz?verbose."},
    ProblemType{ProblemCode::kUnknownOutcome, "unknown_outcome", "UnknownOutcome",
                "It is unknown whether the command took effect", 503,
                "The answer did not come in time. Send the same request with the same "
                "Idempotency-Key again: it takes effect once at most."},
    ProblemType{ProblemCode::kPositionNotReached, "position_not_reached", "PositionNotReached",
                "The read model has not reached minPosition", 503,
                "The wait for minPosition ended before the read model got there. Citas-Position "
                "tells the position reached; send the request again."},
    ProblemType{ProblemCode::kHttpVersionNotSupported, "http_version_not_supported",
                "HttpVersionNotSupported", "The HTTP version is not supported", 505,
                "The server speaks HTTP/1.1 and HTTP/1.0."},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
    if (static_cast<std::size_t>(kCatalogue[i].id) != i) return false;
  }
  return kCatalogue.size() == static_cast<std::size_t>(ProblemCode::kHttpVersionNotSupported) + 1;
}
static_assert(in_order());

std::string type_uri(const ProblemType& type) {
  return std::string{"/problems/"}.append(type.code);
}

Json to_json(const ProblemType& type) {
  return {{"type", type_uri(type)}, {"code", type.code},     {"error", type.error},
          {"title", type.title},    {"status", type.status}, {"description", type.description}};
}

Json to_json(const std::vector<FieldError>& errors) {
  Json list = Json::array();
  for (const FieldError& error : errors) {
    list.push_back({{"field", error.field}, {"code", error.code}, {"message", error.message}});
  }
  return list;
}

// In words that clients may read.
Problem worded(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return {.code = ProblemCode::kServiceUnavailable,
              .detail = "The server cannot take the request now; nothing was done. Retry later."};
    case ErrorCode::kStorageFull:
      return {.code = ProblemCode::kStorageFull,
              .detail =
                  "The server's disk is nearly full, so it takes no writes until its operator has "
                  "made room; reads go on. Nothing was done; retry later with the same "
                  "Idempotency-Key."};
    case ErrorCode::kUnknownOutcome:
      return {.code = ProblemCode::kUnknownOutcome,
              .detail =
                  "It is unknown whether the command took effect; repeat the request with "
                  "the same Idempotency-Key."};
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kCorruption:
      return {.code = ProblemCode::kInternalError,
              .detail = "The server failed; quote the requestId to its operator."};
  }
  CHECK(false);
}

// The HTTP server words its refusals as parts of a sentence.
std::string sentence(std::string_view text) {
  std::string whole{text};
  if (!whole.empty() && whole[0] >= 'a' && whole[0] <= 'z') {
    whole[0] = static_cast<char>(whole[0] - 'a' + 'A');
  }
  if (!whole.ends_with('.')) whole.append(1, '.');
  return whole;
}

}  // namespace

std::span<const ProblemType> problem_catalogue() { return kCatalogue; }

const ProblemType& type_of(ProblemCode code) { return kCatalogue[static_cast<std::size_t>(code)]; }

const ProblemType* find_problem(std::string_view code) {
  const auto* found = std::ranges::find(kCatalogue, code, &ProblemType::code);
  return found == kCatalogue.end() ? nullptr : found;
}

Problem validation_problem(std::vector<FieldError> errors) {
  std::string detail;
  for (const FieldError& error : errors) {
    if (!detail.empty()) detail.append("; ");
    detail.append(error.message);
  }
  detail.append(1, '.');
  return {.code = ProblemCode::kValidationFailed,
          .detail = std::move(detail),
          .errors = std::move(errors)};
}

std::optional<FieldError> field_error_of(RejectionCode code) {
  switch (code) {
    case RejectionCode::kUnknownCountry:
      return FieldError{"countryISO", "unknown_country",
                        "countryISO must be a country that is served here"};
    case RejectionCode::kDateInPast:
      return FieldError{"date", "date_in_past", "date must not be in the past"};
    case RejectionCode::kIdempotencyKeyReused:
    case RejectionCode::kAppointmentNotFound:
    case RejectionCode::kCountryMismatch:
    case RejectionCode::kSlotTaken:
    case RejectionCode::kAlreadyBooked:
    case RejectionCode::kNotCancellable:
    case RejectionCode::kChangedSince:
    case RejectionCode::kDeadLetterNotFound:
    case RejectionCode::kDeadLetterDiscarded:
    case RejectionCode::kDeadLetterSettled:
    case RejectionCode::kDeadLetterNotRetryable:
      return std::nullopt;
  }
  CHECK(false);
}

Problem problem_of(const commands::Rejection& rejection) {
  switch (rejection.code) {
    case RejectionCode::kIdempotencyKeyReused:
      return {.code = ProblemCode::kIdempotencyKeyReused,
              .detail = "This Idempotency-Key was used before for another command; use a new key."};
    // Of another country is, to a client, as absent as of another insured.
    case RejectionCode::kAppointmentNotFound:
    case RejectionCode::kCountryMismatch:
      return {.code = ProblemCode::kAppointmentNotFound,
              .detail = "The insured has no appointment of this id."};
    case RejectionCode::kSlotTaken:
      return {.code = ProblemCode::kSlotTaken,
              .detail = "The slot (countryISO and scheduleId) is taken; choose another one."};
    case RejectionCode::kAlreadyBooked:
      return {.code = ProblemCode::kAlreadyBooked,
              .detail = "The insured holds this slot already, with other details.",
              .appointment = rejection.appointment};
    case RejectionCode::kNotCancellable:
      return {.code = ProblemCode::kNotCancellable,
              .detail = "The appointment was refused by its country and cannot be cancelled."};
    case RejectionCode::kChangedSince:
      return {.code = ProblemCode::kPreconditionFailed,
              .detail = "The appointment has changed since the version that If-Match names."};
    case RejectionCode::kDeadLetterNotFound:
      return {.code = ProblemCode::kDeadLetterNotFound,
              .detail = "There is no dead letter of this id."};
    case RejectionCode::kDeadLetterDiscarded:
      return {.code = ProblemCode::kDeadLetterDiscarded,
              .detail =
                  "This dead letter was discarded and is not tried again; the insured can "
                  "book again."};
    case RejectionCode::kDeadLetterSettled:
      return {.code = ProblemCode::kDeadLetterSettled,
              .detail =
                  "The appointment of this dead letter is pending no longer: nothing is left "
                  "to decide."};
    case RejectionCode::kDeadLetterNotRetryable:
      return {.code = ProblemCode::kDeadLetterNotRetryable,
              .detail =
                  "This dead letter names no appointment that could be sent again; discard "
                  "it."};
    case RejectionCode::kUnknownCountry:
    case RejectionCode::kDateInPast:
      return validation_problem({*field_error_of(rejection.code)});
  }
  CHECK(false);
}

Problem problem_of(const Error& error) {
  Problem problem = worded(error.code);
  // It may name files and internals.
  problem.cause = error.message;
  return problem;
}

Problem problem_of_status(int status, std::string_view detail) {
  const auto code = [status] {
    switch (status) {
      case 408:
        return ProblemCode::kRequestTimeout;
      case 413:
        return ProblemCode::kPayloadTooLarge;
      case 414:
        return ProblemCode::kUriTooLong;
      case 415:
        return ProblemCode::kUnsupportedMediaType;
      case 417:
        return ProblemCode::kExpectationFailed;
      case 431:
        return ProblemCode::kHeadersTooLarge;
      case 501:
        return ProblemCode::kNotImplemented;
      case 503:
        return ProblemCode::kServiceUnavailable;
      case 505:
        return ProblemCode::kHttpVersionNotSupported;
      default:
        return status < 500 ? ProblemCode::kMalformedRequest : ProblemCode::kInternalError;
    }
  };
  return {.code = code(), .detail = sentence(detail)};
}

std::string render(const Problem& problem, std::string_view request_id, Timestamp now) {
  const ProblemType& type = type_of(problem.code);
  // A path would put the insured's id into an error; the request's id names the occurrence.
  Json document{{"type", type_uri(type)},
                {"title", type.title},
                {"status", type.status},
                {"detail", problem.detail},
                {"instance", std::string{"urn:citas:request:"}.append(request_id)},
                {"code", type.code},
                {"error", type.error},
                {"message", problem.detail},
                {"requestId", request_id},
                {"timestamp", format_rfc3339(now)}};
  if (!problem.errors.empty()) document["errors"] = to_json(problem.errors);
  if (problem.appointment) document["appointmentId"] = problem.appointment->value().to_string();
  if (problem.position) document["position"] = std::to_string(problem.position->value());
  return json_text(document);
}

std::string render_catalogue() {
  Json list = Json::array();
  for (const ProblemType& type : kCatalogue) list.push_back(to_json(type));
  return json_text(Json{{"problems", std::move(list)}});
}

std::string render(const ProblemType& type) { return json_text(to_json(type)); }

}  // namespace citas::api

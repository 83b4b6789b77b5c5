#include "workers/nats/nats_handles.h"

#include <string_view>

namespace citas::workers {
namespace {

ErrorCode code_of(natsStatus status) {
  switch (status) {
    case NATS_TIMEOUT:
    case NATS_NO_RESPONDERS:
    case NATS_NOT_YET_CONNECTED:
    case NATS_CONNECTION_CLOSED:
    case NATS_CONNECTION_DISCONNECTED:
    case NATS_STALE_CONNECTION:
    case NATS_NO_SERVER:
    case NATS_IO_ERROR:
    case NATS_INSUFFICIENT_BUFFER:
    case NATS_DRAINING:
      return ErrorCode::kUnavailable;
    case NATS_NOT_FOUND:
      return ErrorCode::kNotFound;
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
    case NATS_MAX_PAYLOAD:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kFailedPrecondition;
  }
}

}  // namespace

ErrorCode jetstream_error_code(int reason) {
  switch (reason) {
    case JSStreamWrongLastSequenceErr:
      return ErrorCode::kConflict;
    case JSStreamNotFoundErr:
    case JSConsumerNotFoundErr:
    case JSNoMessageFoundErr:
      return ErrorCode::kNotFound;
    case JSClusterNotAvailErr:
    case JSInsufficientResourcesErr:
    case JSAccountResourcesExceededErr:
    case JSStorageResourcesExceededErr:
    case JSMemoryResourcesExceededErr:
    case JSStreamStoreFailedErr:
    case JSNotEnabledErr:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kFailedPrecondition;
  }
}

std::string nats_words(natsStatus status) {
  natsStatus last = NATS_OK;
  const char* text = nats_GetLastError(&last);
  std::string_view words = last == status && text != nullptr ? text : "";
  // "(file.c:LINE): " is for those who work on nats.c.
  const std::size_t place = words.starts_with('(') ? words.find("): ") : std::string_view::npos;
  if (place != std::string_view::npos) words.remove_prefix(place + 3);
  return words.empty() ? natsStatus_GetText(status) : std::string(words);
}

Error nats_error(const std::string& what, natsStatus status, int reason) {
  const ErrorCode code = reason == 0 ? code_of(status) : jetstream_error_code(reason);
  std::string message = what + ": " + nats_words(status);
  if (reason != 0) message += " (JetStream error " + std::to_string(reason) + ")";
  return {code, std::move(message)};
}

}  // namespace citas::workers

#include "events/base/result.h"

#include "events/base/check.h"

namespace citas {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kFailedPrecondition:
      return "failed_precondition";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kStorageFull:
      return "storage_full";
    case ErrorCode::kUnknownOutcome:
      return "unknown_outcome";
    case ErrorCode::kCorruption:
      return "corruption";
  }
  CHECK(false);
}

}  // namespace citas

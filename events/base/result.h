// Result<T>: a value, or an Error that says what the caller should do about it.
//
// Exceptions do not cross a folder of this project; adapters turn their library's failures into
// an Error. A message says what happened, to which thing, and what to do next; it never shows a
// person's data, since it ends in logs and in HTTP answers.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace citas {

enum class ErrorCode {
  kInvalidArgument,     // the caller's input is wrong: correct it
  kNotFound,            // no such thing
  kConflict,            // the state has moved on: reload, then decide again
  kFailedPrecondition,  // refused as things stand: do not retry
  kUnavailable,         // not now: retry later, nothing was done
  kStorageFull,         // an operator has to make room on the disk first; nothing was done
  kUnknownOutcome,      // it may or may not have happened: retry with the same key, or look
  kCorruption,          // stored bytes are wrong: stop, and follow the runbook
};

// The stable word for a code, e.g. "unavailable".
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> failure(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
inline tl::unexpected<Error> failure(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace citas

// Cursors: where the next page begins, in a form that clients can carry but not make.
//
// URL-safe base64 without padding (RFC 4648, section 5) of: sort time (8) ‖ appointment id (16) ‖ a
// 16-byte code over both and over what the list was asked for. A cursor is good for the same
// question only.
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.h"
#include "projections/appointments/appointments_by_insured.h"

namespace citas::projections {

// `secret` is the log's fingerprint key; `question` stands for tenant, insured and filter.
std::string make_cursor(const SortKey& last_seen, std::string_view question,
                        std::string_view secret);
// InvalidArgument: not a cursor that make_cursor() made of this question and secret.
Result<SortKey> parse_cursor(std::string_view cursor, std::string_view question,
                             std::string_view secret);

}  // namespace citas::projections

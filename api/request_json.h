// The bodies that clients send, read into commands.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "api/problems.h"
#include "commands/booking/booking.h"

namespace citas::api {

// The body of POST /appointments. What depends on time or configuration is the sequencer's to
// refuse, after it has looked for an earlier outcome of the same key; `now` and `countries` serve
// only to name those faults together with the others, where there are others. `errors` are those
// found elsewhere in the request; they are refused together with the body's.
tl::expected<commands::RequestAppointment, Problem> parse_booking(
    std::string_view body, Timestamp now, const std::set<CountryCode>& countries,
    std::vector<FieldError> errors = {});

// The body of a cancellation: its reason, one of a closed list. An empty body is {}.
tl::expected<std::optional<ReasonCode>, Problem> parse_cancellation(
    std::string_view body, std::vector<FieldError> errors = {});

inline constexpr std::array<std::string_view, 5> kDiscardReasons{
    "unprocessable", "invalid", "obsolete", "handled_elsewhere", "other"};

// The body of a discard: its reason, one of kDiscardReasons.
tl::expected<ReasonCode, Problem> parse_discard(std::string_view body,
                                                std::vector<FieldError> errors = {});

// The problem of a body that nobody needs, unless there is none at all, or an empty object.
std::optional<Problem> refuse_body(std::string_view body);

// The answer to a booking that was rejected for a field: all that time and configuration refuse of
// it, which is more than the first that the rejection names.
Problem policy_problem(const commands::RequestAppointment& booking, Timestamp now,
                       const std::set<CountryCode>& countries,
                       const commands::Rejection& rejection);

}  // namespace citas::api

// traceparent: the header of W3C Trace Context (level 1), which says what trace a request is of.
#pragma once

#include <string>
#include <string_view>

namespace citas {

// A traceparent that may be passed on, always of version 00; empty when `text` is not valid.
// Source: W3C Trace Context, section 3.2.
std::string accepted_traceparent(std::string_view text);

// The trace id of a traceparent made by accepted_traceparent(), or "".
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace citas

// traceparent: the header of W3C Trace Context (level 1), version 00.
#pragma once

#include <string_view>

namespace citas::workers {

// "00-<32 hex>-<16 hex>-<2 hex>", lower case, ids not all zero.
bool is_traceparent(std::string_view text);

}  // namespace citas::workers

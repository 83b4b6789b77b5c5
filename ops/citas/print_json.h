// What `-o json` prints: one document, on one line of stdout.
#pragma once

#include <fmt/format.h>

#include "events/base/json_text.h"

namespace citas::ops {

template <typename Json>
void print_json(const Json& document) {
  fmt::print("{}\n", json_text(document));
}

}  // namespace citas::ops

#include "workers/bus.h"

#include <algorithm>

namespace citas::workers {

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &Header::name);
  if (found == headers.end()) return std::nullopt;
  return found->value;
}

}  // namespace citas::workers

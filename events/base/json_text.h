// The text of a JSON document of nlohmann's, whatever is in it.
#pragma once

#include <string>

namespace citas {

// In one line. Bytes that are no UTF-8, as the name of a folder may hold, are replaced: dump()
// alone would throw.
template <typename Json>
std::string json_text(const Json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace citas

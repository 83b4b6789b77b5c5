// The OpenAPI document of this server, as it was built: what /openapi.json answers.
//
// Source: api/openapi.yaml, turned to JSON and compiled in by openapi.cmake.
#pragma once

#include <string_view>

namespace citas::api {

// Lives as long as the program. JSON without blanks, UTF-8.
std::string_view openapi_json();

}  // namespace citas::api

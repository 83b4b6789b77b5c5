// What the server tells about itself: its OpenAPI document and the catalogue of problems.
#pragma once

#include <vector>

#include "api/router.h"

namespace citas::api {

std::vector<Route> documentation_routes();

}  // namespace citas::api

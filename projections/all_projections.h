// Every read model there is.
#pragma once

#include <memory>
#include <vector>

#include "projections/projection.h"

namespace citas::projections {

std::vector<std::unique_ptr<const Projection>> all_projections();

}  // namespace citas::projections

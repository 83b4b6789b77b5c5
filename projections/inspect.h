// Looking at read models from outside, without an engine: `citas projections list --data DIR`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "projections/checkpoint.h"
#include "projections/generations.h"

namespace citas::projections {

struct StoredProjection {
  std::string name;
  std::optional<Generation> generation;  // nullopt: there is none on disk
  // Of what has been flushed; the error says why it cannot be read.
  Result<std::optional<Checkpoint>> checkpoint;
};

// Changes nothing. One entry for each name, also where nothing is stored.
std::vector<StoredProjection> inspect(const Generations& generations,
                                      const std::vector<std::string>& names);

}  // namespace citas::projections

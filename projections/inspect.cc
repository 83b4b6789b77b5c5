#include "projections/inspect.h"

namespace citas::projections {
namespace {

Result<std::optional<Checkpoint>> read_checkpoint(const Generations& generations,
                                                  std::string_view name, Generation number) {
  const auto store = generations.open_read_only(name, number);
  if (!store) return failure(store.error());
  return (*store)->checkpoint();
}

}  // namespace

std::vector<StoredProjection> inspect(const Generations& generations,
                                      const std::vector<std::string>& names) {
  std::vector<StoredProjection> all;
  for (const std::string& name : names) {
    const auto current = generations.current(name);
    if (!current) {
      all.push_back({name, std::nullopt, failure(current.error())});
    } else if (!*current) {
      all.push_back({name, std::nullopt, std::nullopt});
    } else {
      all.push_back({name, *current, read_checkpoint(generations, name, **current)});
    }
  }
  return all;
}

}  // namespace citas::projections

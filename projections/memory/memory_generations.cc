#include "projections/memory/memory_generations.h"

#include "projections/memory/memory_read_store.h"

namespace citas::projections {

Result<std::optional<Generation>> MemoryGenerations::current(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto kept = kept_.find(name);
  return kept == kept_.end() ? std::nullopt : kept->second.current;
}

Result<std::vector<Generation>> MemoryGenerations::list(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  std::vector<Generation> numbers;
  if (const auto kept = kept_.find(name); kept != kept_.end()) {
    for (const auto& [number, store] : kept->second.stores) numbers.push_back(number);
  }
  return numbers;
}

Result<std::shared_ptr<ReadStore>> MemoryGenerations::create(std::string_view name,
                                                             Generation number) {
  const std::lock_guard lock(mutex_);
  auto store = std::make_shared<MemoryReadStore>();
  kept_[std::string(name)].stores[number] = store;
  return store;
}

Result<std::shared_ptr<ReadStore>> MemoryGenerations::find(std::string_view name,
                                                           Generation number) const {
  const std::lock_guard lock(mutex_);
  if (const auto kept = kept_.find(name); kept != kept_.end()) {
    if (const auto store = kept->second.stores.find(number); store != kept->second.stores.end()) {
      return store->second;
    }
  }
  return failure(ErrorCode::kCorruption, "there is no such generation of " + std::string(name));
}

Result<std::shared_ptr<ReadStore>> MemoryGenerations::open(std::string_view name,
                                                           Generation number) {
  return find(name, number);
}

Result<std::shared_ptr<const ReadStore>> MemoryGenerations::open_read_only(
    std::string_view name, Generation number) const {
  return find(name, number);
}

Status MemoryGenerations::make_current(std::string_view name, Generation number) {
  const std::lock_guard lock(mutex_);
  kept_[std::string(name)].current = number;
  return {};
}

Status MemoryGenerations::remove(std::string_view name, Generation number) {
  const std::lock_guard lock(mutex_);
  if (const auto kept = kept_.find(name); kept != kept_.end()) kept->second.stores.erase(number);
  return {};
}

}  // namespace citas::projections

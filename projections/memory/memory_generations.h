// MemoryGenerations: generations that live as long as this object, for tests and simulations.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "projections/generations.h"

namespace citas::projections {

// Thread-safe.
class MemoryGenerations : public Generations {
 public:
  Result<std::optional<Generation>> current(std::string_view name) const override;
  Result<std::vector<Generation>> list(std::string_view name) const override;
  Result<std::shared_ptr<ReadStore>> create(std::string_view name, Generation number) override;
  Result<std::shared_ptr<ReadStore>> open(std::string_view name, Generation number) override;
  Result<std::shared_ptr<const ReadStore>> open_read_only(std::string_view name,
                                                          Generation number) const override;
  Status make_current(std::string_view name, Generation number) override;
  Status remove(std::string_view name, Generation number) override;

 private:
  struct Kept {
    std::optional<Generation> current;
    std::map<Generation, std::shared_ptr<ReadStore>> stores;
  };

  Result<std::shared_ptr<ReadStore>> find(std::string_view name, Generation number) const;

  mutable std::mutex mutex_;
  std::map<std::string, Kept, std::less<>> kept_;  // guarded by mutex_
};

}  // namespace citas::projections

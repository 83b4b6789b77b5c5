// MemoryReadStore: a ReadStore that lives and dies with the process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "projections/read_store.h"

namespace citas::projections {

// Views share the content; it is copied when something is committed while one is open.
class MemoryReadStore final : public ReadStore {
 public:
  Result<std::unique_ptr<ReadView>> view() const override;
  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::optional<Checkpoint>> checkpoint() const override;
  // Only while nothing at all is committed.
  std::optional<Position> unchanged_since(std::string_view key, Revision since) const override;
  Status commit(std::span<const Mutation> mutations, const Checkpoint& checkpoint) override;
  Status flush() override { return {}; }
  Result<bool> begin_flush() override { return true; }

 private:
  struct Content {
    std::map<std::string, std::string, std::less<>> entries;
    std::optional<Checkpoint> checkpoint;
    std::uint64_t commits = 0;
    std::size_t views = 0;  // guarded by the mutex of the store
    Position position() const { return checkpoint ? checkpoint->head.position : Position{}; }
  };
  class View;

  mutable std::mutex mutex_;
  std::shared_ptr<Content> content_ = std::make_shared<Content>();  // guarded by mutex_
};

}  // namespace citas::projections

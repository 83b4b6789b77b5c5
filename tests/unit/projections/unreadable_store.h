// A store that is written as any other, but whose views cannot be opened: what is damaged may show
// only then. Header-only.
#pragma once

#include <memory>

#include "projections/memory/memory_generations.h"
#include "projections/memory/memory_read_store.h"

namespace citas::testing {

class UnreadableStore final : public projections::ReadStore {
 public:
  Result<std::unique_ptr<projections::ReadView>> view() const override {
    return failure(ErrorCode::kCorruption, "the store was told to fail");
  }
  Result<std::optional<std::string>> get(std::string_view key) const override {
    return store_.get(key);
  }
  Result<std::optional<projections::Checkpoint>> checkpoint() const override {
    return store_.checkpoint();
  }
  std::optional<Position> unchanged_since(std::string_view key,
                                          projections::Revision since) const override {
    return store_.unchanged_since(key, since);
  }
  Status commit(std::span<const projections::Mutation> mutations,
                const projections::Checkpoint& checkpoint) override {
    return store_.commit(mutations, checkpoint);
  }
  Status flush() override { return store_.flush(); }
  Result<bool> begin_flush() override { return store_.begin_flush(); }

 private:
  projections::MemoryReadStore store_;
};

// Generations whose new stores are unreadable, once told.
class UnreadableGenerations final : public projections::MemoryGenerations {
 public:
  void make_unreadable() { unreadable_ = true; }

  Result<std::shared_ptr<projections::ReadStore>> create(std::string_view name,
                                                         projections::Generation number) override {
    auto created = MemoryGenerations::create(name, number);
    if (created && unreadable_) *created = std::make_shared<UnreadableStore>();
    return created;
  }

 private:
  bool unreadable_ = false;
};

}  // namespace citas::testing

// A read store that tells what reaches it, and fails on demand. Header-only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "projections/memory/memory_read_store.h"

namespace citas::testing {

class WatchedStore final : public projections::ReadStore {
 public:
  Result<std::unique_ptr<projections::ReadView>> view() const override {
    if (unreadable) return failure(ErrorCode::kCorruption, "the store was told to fail");
    return store_.view();
  }
  Result<std::optional<std::string>> get(std::string_view key) const override {
    ++gets;
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
    if (on_commit) {
      if (Status refused = on_commit(); !refused) return refused;
    }
    written = mutations.size();
    return store_.commit(mutations, checkpoint);
  }
  Status flush() override { return {}; }
  Result<bool> begin_flush() override { return true; }

  // Called before each commit, on its thread; the commit fails where this does.
  std::function<Status()> on_commit;
  bool unreadable = false;  // it is written as any other, but no view of it can be opened
  mutable int gets = 0;
  std::size_t written = 0;  // keys, by the last commit

 private:
  projections::MemoryReadStore store_;
};

}  // namespace citas::testing

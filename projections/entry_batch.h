// EntryBatch: the entries that events change, from the first read to the commit.
//
// Reads each entry from the store at most once, keeps what is hot between commits, and writes each
// changed key once a commit however often it changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "projections/change_set.h"
#include "projections/checkpoint.h"
#include "projections/projection.h"
#include "projections/read_store.h"

namespace citas::projections {

// For one thread at a time.
class EntryBatch final : public ReadModelBatch {
 public:
  // Borrows the store. Keeps at most twice `max_cached` entries between commits.
  explicit EntryBatch(ReadStore& store, std::size_t max_cached = 32'768)
      : store_(store), max_cached_(max_cached) {}

  Result<std::optional<std::string_view>> get(std::string_view key) override;
  Status put(std::string_view key, std::string value) override;
  Status insert(std::string_view key, std::string value) override;
  Status remove(std::string_view key) override;

  // What has changed since this was called last. The changes taken before must be in the store by
  // then; until these are, it is asked for nothing that they hold. When they fail: discard().
  ChangeSet take_changes();
  // Takes the changes and writes them, as ChangeSet::commit_to(). On an error everything is
  // dropped, as by discard().
  Status commit(Checkpoint& checkpoint);
  // Forgets what has not been committed.
  void discard();

 private:
  struct Entry {
    std::optional<std::string> value;   // as the events have it
    std::optional<std::string> before;  // while dirty: what was there when the changes were taken
    bool is_dirty = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
  using Node = Entries::value_type;

  Node* find(std::string_view key);
  Node* look_up(std::string_view key);
  Node* remember(std::string_view key, Entry entry);
  Result<Node*> load(std::string_view key);
  void change(Node& node, std::optional<std::string> value);
  void forget_cold_entries();

  ReadStore& store_;
  const std::size_t max_cached_;
  Entries recent_;
  Entries older_;         // dropped as a whole when recent_ is full; a hit moves back to recent_
  Node* last_ = nullptr;  // the one that was asked for last, in recent_
  std::vector<Node*> dirty_;
};

}  // namespace citas::projections

// ChangeSet: what one commit changes, whole in itself: another thread may write it while events go
// on being applied.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/checkpoint.h"
#include "projections/read_store.h"

namespace citas::projections {

// For one thread at a time.
class ChangeSet {
 public:
  // Copies what it is given. Each key at most once.
  void add(std::string_view key, std::optional<std::string_view> before,
           std::optional<std::string_view> after);

  // Writes all with `checkpoint`, whose digest and entries must be those of the commit before and
  // are brought up to date. Errors as ReadStore::commit(): then nothing was written.
  Status commit_to(ReadStore& store, Checkpoint& checkpoint);

 private:
  struct Piece {
    std::size_t start;
    std::size_t size;
  };
  struct Change {
    Piece key;
    std::optional<Piece> before, after;
  };

  Piece keep(std::string_view bytes);
  std::string_view at(const Piece& piece) const;
  std::optional<std::string_view> at(const std::optional<Piece>& piece) const;
  void account(const Change& change, Checkpoint& checkpoint) const;

  std::string bytes_;  // of all keys and values
  std::vector<Change> changes_;
};

}  // namespace citas::projections

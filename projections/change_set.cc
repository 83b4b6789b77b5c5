#include "projections/change_set.h"

#include <algorithm>

namespace citas::projections {

ChangeSet::Piece ChangeSet::keep(std::string_view bytes) {
  bytes_.append(bytes);
  return {bytes_.size() - bytes.size(), bytes.size()};
}

std::string_view ChangeSet::at(const Piece& piece) const {
  return std::string_view(bytes_).substr(piece.start, piece.size);
}

std::optional<std::string_view> ChangeSet::at(const std::optional<Piece>& piece) const {
  return piece ? std::optional(at(*piece)) : std::nullopt;
}

void ChangeSet::add(std::string_view key, std::optional<std::string_view> before,
                    std::optional<std::string_view> after) {
  Change change{.key = keep(key), .before = std::nullopt, .after = std::nullopt};
  if (before) change.before = keep(*before);
  if (after) change.after = keep(*after);
  changes_.push_back(change);
}

void ChangeSet::account(const Change& change, Checkpoint& checkpoint) const {
  if (change.before) {
    checkpoint.digest.remove(entry_hash(at(change.key), at(*change.before)));
    --checkpoint.entries;
  }
  if (change.after) {
    checkpoint.digest.add(entry_hash(at(change.key), at(*change.after)));
    ++checkpoint.entries;
  }
}

Status ChangeSet::commit_to(ReadStore& store, Checkpoint& checkpoint) {
  // Stores take keys in order much faster than at random.
  std::ranges::sort(changes_, {}, [this](const Change& change) { return at(change.key); });
  std::vector<Mutation> mutations;
  mutations.reserve(changes_.size());
  for (const Change& change : changes_) {
    account(change, checkpoint);
    mutations.push_back({at(change.key), at(change.after)});
  }
  return store.commit(mutations, checkpoint);
}

}  // namespace citas::projections

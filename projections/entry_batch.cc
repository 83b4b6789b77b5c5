#include "projections/entry_batch.h"

namespace citas::projections {

EntryBatch::Node* EntryBatch::find(std::string_view key) {
  // Most writes follow a read of the same key.
  if (last_ && last_->first == key) return last_;
  last_ = look_up(key);
  return last_;
}

EntryBatch::Node* EntryBatch::look_up(std::string_view key) {
  if (const auto found = recent_.find(key); found != recent_.end()) return &*found;
  const auto found = older_.find(key);
  if (found == older_.end()) return nullptr;
  return &*recent_.insert(older_.extract(found)).position;
}

EntryBatch::Node* EntryBatch::remember(std::string_view key, Entry entry) {
  last_ = &*recent_.emplace(std::string(key), std::move(entry)).first;
  return last_;
}

Result<EntryBatch::Node*> EntryBatch::load(std::string_view key) {
  if (Node* node = find(key)) return node;
  auto stored = store_.get(key);
  if (!stored) return failure(std::move(stored).error());
  return remember(key, Entry{.value = *std::move(stored)});
}

void EntryBatch::change(Node& node, std::optional<std::string> value) {
  Entry& entry = node.second;
  if (!entry.is_dirty) {
    entry.before = std::move(entry.value);
    entry.is_dirty = true;
    dirty_.push_back(&node);
  }
  entry.value = std::move(value);
}

Result<std::optional<std::string_view>> EntryBatch::get(std::string_view key) {
  const auto node = load(key);
  if (!node) return failure(node.error());
  const auto& value = (*node)->second.value;
  return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

Status EntryBatch::put(std::string_view key, std::string value) {
  const auto node = load(key);
  if (!node) return failure(node.error());
  change(**node, std::move(value));
  return {};
}

Status EntryBatch::insert(std::string_view key, std::string value) {
  Node* node = find(key);
  if (node && node->second.value) {
    return failure(ErrorCode::kCorruption, "an id that should be new has been used before");
  }
  if (!node) node = remember(key, Entry{});
  change(*node, std::move(value));
  return {};
}

Status EntryBatch::remove(std::string_view key) {
  const auto node = load(key);
  if (!node) return failure(node.error());
  if ((*node)->second.value) change(**node, std::nullopt);
  return {};
}

ChangeSet EntryBatch::take_changes() {
  ChangeSet changes;
  for (Node* node : dirty_) {
    Entry& entry = node->second;
    // Nothing remains of what came and went.
    if (entry.before || entry.value) changes.add(node->first, entry.before, entry.value);
    entry.before.reset();
    entry.is_dirty = false;
  }
  dirty_.clear();
  forget_cold_entries();
  return changes;
}

Status EntryBatch::commit(Checkpoint& checkpoint) {
  const Status committed = take_changes().commit_to(store_, checkpoint);
  if (!committed) discard();
  return committed;
}

void EntryBatch::forget_cold_entries() {
  if (recent_.size() <= max_cached_) return;
  last_ = nullptr;
  older_.clear();
  older_.swap(recent_);
}

void EntryBatch::discard() {
  // What is in memory may be ahead of the store, so all of it goes.
  last_ = nullptr;
  dirty_.clear();
  recent_.clear();
  older_.clear();
}

}  // namespace citas::projections

#include "projections/memory/memory_read_store.h"

namespace citas::projections {

class MemoryReadStore::View final : public ReadView {
 public:
  // `content` counts this view already.
  View(std::mutex& mutex, std::shared_ptr<Content> content)
      : mutex_(mutex), content_(std::move(content)) {}
  ~View() override {
    const std::lock_guard lock(mutex_);
    --content_->views;
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  Position position() const override { return content_->position(); }
  Revision revision() const override { return Revision{content_->commits}; }

  Result<std::optional<std::string>> get(std::string_view key) override {
    const auto found = content_->entries.find(key);
    return found == content_->entries.end() ? std::nullopt : std::optional(found->second);
  }

  Status scan(const KeyRange& range, Order order, const EntryVisitor& visit) override {
    const auto& entries = content_->entries;
    const auto first = entries.lower_bound(range.from);
    const auto last = range.to.empty() ? entries.end() : entries.lower_bound(range.to);
    if (!range.to.empty() && range.to <= range.from) return {};
    if (order == Order::kAscending) {
      visit_until_told(first, last, visit);
    } else {
      visit_until_told(std::make_reverse_iterator(last), std::make_reverse_iterator(first), visit);
    }
    return {};
  }

 private:
  template <typename Iterator>
  static void visit_until_told(Iterator entry, Iterator last, const EntryVisitor& visit) {
    while (entry != last && visit(entry->first, entry->second)) ++entry;
  }

  std::mutex& mutex_;
  const std::shared_ptr<Content> content_;
};

Result<std::unique_ptr<ReadView>> MemoryReadStore::view() const {
  const std::lock_guard lock(mutex_);
  ++content_->views;
  return std::make_unique<View>(mutex_, content_);
}

Result<std::optional<std::string>> MemoryReadStore::get(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = content_->entries.find(key);
  return found == content_->entries.end() ? std::nullopt : std::optional(found->second);
}

Result<std::optional<Checkpoint>> MemoryReadStore::checkpoint() const {
  const std::lock_guard lock(mutex_);
  return content_->checkpoint;
}

std::optional<Position> MemoryReadStore::unchanged_since(std::string_view, Revision since) const {
  const std::lock_guard lock(mutex_);
  return content_->commits == since.value() ? std::optional(content_->position()) : std::nullopt;
}

Status MemoryReadStore::commit(std::span<const Mutation> mutations, const Checkpoint& checkpoint) {
  const std::lock_guard lock(mutex_);
  if (content_->views > 0) {
    content_ = std::make_shared<Content>(
        Content{content_->entries, content_->checkpoint, content_->commits, 0});
  }
  ++content_->commits;
  for (const Mutation& mutation : mutations) {
    if (mutation.value) {
      content_->entries.insert_or_assign(std::string(mutation.key), std::string(*mutation.value));
    } else if (const auto found = content_->entries.find(mutation.key);
               found != content_->entries.end()) {
      content_->entries.erase(found);
    }
  }
  content_->checkpoint = checkpoint;
  return {};
}

}  // namespace citas::projections

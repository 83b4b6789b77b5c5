#include "events/memory/memory_event_log.h"

#include <algorithm>

#include "events/base/check.h"

namespace citas {

MemoryEventLog::MemoryEventLog(LogIdentity identity, Epoch epoch)
    : identity_(std::move(identity)), epoch_(epoch) {
  state_.head = Head{epoch_, Position{0}, identity_.genesis()};
}

void MemoryEventLog::fail_appends() {
  const std::lock_guard lock(mutex_);
  failed_ = true;
}

std::string_view MemoryEventLog::fingerprint_key() const { return "a key for tests, not a secret"; }

Result<Head> MemoryEventLog::append(const AppendBatch& batch) {
  const std::lock_guard lock(mutex_);
  if (failed_) return failure(ErrorCode::kUnknownOutcome, "the memory log was told to fail");
  const Position before = state_.head.position;
  for (const NewRecord& record : batch.records) {
    std::string stored = extend(state_, record.time, record.bytes);
    const Position position = state_.head.position;
    records_.emplace(position.value(), std::move(stored));
    for (const Tag& tag : record.tags)
      tag_index_[digest_of(record.tenant, tag)].push_back(position);
  }
  for (const CommandResult& result : batch.results) {
    results_[result.key] = result.value;
    listed_results_.emplace(listed_at(result, before), result.key);
  }
  return state_.head;
}

void MemoryEventLog::commit(Position position) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(position >= committed_ && position <= state_.head.position);
    committed_ = position;
  }
  for (const auto& listener : listeners_) listener(position);
}

Head MemoryEventLog::head() const {
  const std::lock_guard lock(mutex_);
  return state_.head;
}

Position MemoryEventLog::committed() const {
  const std::lock_guard lock(mutex_);
  return committed_;
}

Result<RecordView> MemoryEventLog::view_at(Position position) const {
  return decode_record(position, records_.at(position.value()));
}

Status MemoryEventLog::read(Position after, std::size_t limit, const RecordVisitor& visit) const {
  const std::lock_guard lock(mutex_);
  for (std::uint64_t at = after.value(); at < committed_.value() && limit > 0; --limit) {
    const auto record = view_at(Position{++at});
    if (!record) return failure(record.error());
    if (!visit(*record)) break;
  }
  return {};
}

Status MemoryEventLog::read_tag(const TagQuery& query, const RecordVisitor& visit) const {
  const std::lock_guard lock(mutex_);
  const auto found = tag_index_.find(digest_of(query.tenant, query.tag));
  if (found == tag_index_.end()) return {};
  const Position visible =
      query.visibility == Visibility::kHead ? state_.head.position : committed_;
  const Position last = std::min(query.last, visible);
  std::vector<Position> positions;
  std::ranges::copy_if(found->second, std::back_inserter(positions),
                       [&](Position at) { return at >= query.first && at <= last; });
  if (query.direction == Direction::kBackward) std::ranges::reverse(positions);
  for (Position position : positions) {
    const auto record = view_at(position);
    if (!record) return failure(record.error());
    if (!visit(*record)) break;
  }
  return {};
}

Result<std::optional<std::string>> MemoryEventLog::command_result(const CommandKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = results_.find(key);
  if (found == results_.end()) return std::nullopt;
  return found->second;
}

Status MemoryEventLog::read_results(Position first, Position last,
                                    const ResultVisitor& visit) const {
  const std::lock_guard lock(mutex_);
  const auto end = listed_results_.upper_bound(last);
  for (auto at = listed_results_.lower_bound(first); at != end; ++at) {
    if (!visit({at->first, at->second, results_.at(at->second)})) break;
  }
  return {};
}

void MemoryEventLog::add_commit_listener(std::function<void(Position)> listener) {
  listeners_.push_back(std::move(listener));
}

}  // namespace citas

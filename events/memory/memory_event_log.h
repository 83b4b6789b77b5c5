// An EventLog in memory, for tests and simulations: the same behaviour, nothing durable.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "events/event_log.h"
#include "events/record.h"

namespace citas {

class MemoryEventLog final : public EventLog {
 public:
  explicit MemoryEventLog(LogIdentity identity, Epoch epoch = Epoch{1});

  // Every append from now on fails, as on a broken disk.
  void fail_appends();

  const LogIdentity& identity() const override { return identity_; }
  Epoch epoch() const override { return epoch_; }
  std::string_view fingerprint_key() const override;
  Result<Head> append(const AppendBatch& batch) override;
  void commit(Position position) override;
  Head head() const override;
  Position committed() const override;
  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override;
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override;
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override;
  Status read_results(Position first, Position last, const ResultVisitor& visit) const override;
  void add_commit_listener(std::function<void(Position)> listener) override;

 private:
  Result<RecordView> view_at(Position position) const;

  const LogIdentity identity_;
  const Epoch epoch_;
  std::vector<std::function<void(Position)>> listeners_;

  // Recursive, since a visitor may read again.
  mutable std::recursive_mutex mutex_;
  // All below are guarded by mutex_.
  ChainState state_;
  Position committed_;
  bool failed_ = false;
  std::map<std::uint64_t, std::string> records_;  // nodes stay where they are
  std::map<TagDigest, std::vector<Position>> tag_index_;
  std::map<CommandKey, std::string> results_;
  std::multimap<Position, CommandKey> listed_results_;
};

}  // namespace citas

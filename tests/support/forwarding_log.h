// ForwardingLog: an EventLog that passes every call on to another one. Tests derive from it what
// counts, fails or lies in a few calls. Header-only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "events/event_log.h"

namespace citas::testing {

class ForwardingLog : public EventLog {
 public:
  // Borrows it.
  explicit ForwardingLog(EventLog& real) : real_(real) {}

  const LogIdentity& identity() const override { return real_.identity(); }
  Epoch epoch() const override { return real_.epoch(); }
  std::string_view fingerprint_key() const override { return real_.fingerprint_key(); }
  Result<Head> append(const AppendBatch& batch) override { return real_.append(batch); }
  void commit(Position position) override { real_.commit(position); }
  Head head() const override { return real_.head(); }
  Position committed() const override { return real_.committed(); }
  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    return real_.read(after, limit, visit);
  }
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override {
    return real_.read_tag(query, visit);
  }
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override {
    return real_.command_result(key);
  }
  Status read_results(Position first, Position last, const ResultVisitor& visit) const override {
    return real_.read_results(first, last, visit);
  }
  void add_commit_listener(std::function<void(Position)> listener) override {
    real_.add_commit_listener(std::move(listener));
  }

 protected:
  EventLog& real_;
};

}  // namespace citas::testing

// Event logs with one safeguard removed.
#pragma once

#include <functional>
#include <memory>

#include "tests/support/forwarding_log.h"

namespace citas::torture {

using citas::testing::ForwardingLog;

// Forgets which commands it has seen.
class ForgetfulLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Result<std::optional<std::string>> command_result(const CommandKey&) const override {
    return std::nullopt;
  }
};

// Answers an append at once, and stores it when somebody looks.
class EarlyLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;

  Result<Head> append(const AppendBatch& batch) override {
    Head promised = head();
    promised.position = Position{promised.position.value() + batch.records.size()};
    waiting_ = batch;
    promised_ = promised;
    return promised;
  }
  void commit(Position) override {}
  Position committed() const override { return waiting_ ? promised_.position : real_.committed(); }
  Head head() const override {
    store();
    return real_.head();
  }
  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    store();
    return real_.read(after, limit, visit);
  }
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override {
    store();
    return real_.read_tag(query, visit);
  }
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override {
    store();
    return real_.command_result(key);
  }

 private:
  void store() const {
    if (!waiting_) return;
    const AppendBatch batch = *std::move(waiting_);
    waiting_.reset();
    if (const auto head = real_.append(batch)) real_.commit(head->position);
  }

  mutable std::optional<AppendBatch> waiting_;
  Head promised_{};
};

}  // namespace citas::torture

// Event logs with one safeguard removed.
#pragma once

#include <functional>
#include <memory>

#include "events/event_log.h"

namespace citas::torture {

// Passes everything on to the log that it borrows.
class LogDecorator : public EventLog {
 public:
  explicit LogDecorator(EventLog& log) : log_(log) {}

  const LogIdentity& identity() const override { return log_.identity(); }
  Epoch epoch() const override { return log_.epoch(); }
  std::string_view fingerprint_key() const override { return log_.fingerprint_key(); }
  Result<Head> append(const AppendBatch& batch) override { return log_.append(batch); }
  void commit(Position position) override { log_.commit(position); }
  Head head() const override { return log_.head(); }
  Position committed() const override { return log_.committed(); }
  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    return log_.read(after, limit, visit);
  }
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override {
    return log_.read_tag(query, visit);
  }
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override {
    return log_.command_result(key);
  }
  Status read_results(Position first, Position last, const ResultVisitor& visit) const override {
    return log_.read_results(first, last, visit);
  }
  void add_commit_listener(std::function<void(Position)> listener) override {
    log_.add_commit_listener(std::move(listener));
  }

 protected:
  EventLog& log_;
};

// Forgets which commands it has seen.
class ForgetfulLog final : public LogDecorator {
 public:
  using LogDecorator::LogDecorator;
  Result<std::optional<std::string>> command_result(const CommandKey&) const override {
    return std::nullopt;
  }
};

// Answers an append at once, and stores it when somebody looks.
class EarlyLog final : public LogDecorator {
 public:
  using LogDecorator::LogDecorator;

  Result<Head> append(const AppendBatch& batch) override {
    Head promised = head();
    promised.position = Position{promised.position.value() + batch.records.size()};
    waiting_ = batch;
    promised_ = promised;
    return promised;
  }
  void commit(Position) override {}
  Position committed() const override { return waiting_ ? promised_.position : log_.committed(); }
  Head head() const override {
    store();
    return log_.head();
  }
  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    store();
    return log_.read(after, limit, visit);
  }
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override {
    store();
    return log_.read_tag(query, visit);
  }
  Result<std::optional<std::string>> command_result(const CommandKey& key) const override {
    store();
    return log_.command_result(key);
  }

 private:
  void store() const {
    if (!waiting_) return;
    const AppendBatch batch = *std::move(waiting_);
    waiting_.reset();
    if (const auto head = log_.append(batch)) log_.commit(head->position);
  }

  mutable std::optional<AppendBatch> waiting_;
  Head promised_{};
};

}  // namespace citas::torture

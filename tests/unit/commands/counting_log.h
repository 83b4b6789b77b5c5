// CountingLog: a log that counts the records that are read from it, which is what a decision costs.
#pragma once

#include <utility>

#include "tests/support/forwarding_log.h"

namespace citas::testing {

class CountingLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;

  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    return ForwardingLog::read(after, limit, counted(visit));
  }
  Status read_tag(const TagQuery& query, const RecordVisitor& visit) const override {
    return ForwardingLog::read_tag(query, counted(visit));
  }

  // The records read since the last call.
  int take_visits() { return std::exchange(visits_, 0); }

 private:
  RecordVisitor counted(const RecordVisitor& visit) const {
    return [this, &visit](const RecordView& record) {
      ++visits_;
      return visit(record);
    };
  }

  mutable int visits_ = 0;
};

}  // namespace citas::testing

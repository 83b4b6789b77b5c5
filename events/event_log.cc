#include "events/event_log.h"

namespace citas {

Result<StoredRecord> read_one(const EventLog& log, Position position) {
  const auto none = [&] {
    return failure(ErrorCode::kNotFound,
                   "no event at position " + std::to_string(position.value()));
  };
  if (position.value() == 0) return none();
  std::optional<StoredRecord> found;
  const Status status = log.read(Position{position.value() - 1}, 1, [&](const RecordView& record) {
    found = StoredRecord{record.position, record.epoch, record.running_maximum, record.hash,
                         std::string(record.bytes)};
    return false;
  });
  if (!status) return failure(status.error());
  if (!found) return none();
  return *std::move(found);
}

}  // namespace citas

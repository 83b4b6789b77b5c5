// EventReader: the stored events that pass a filter, in order, for auditors.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"

namespace citas::api {

struct EventsFilter {
  std::optional<Tag> tag = std::nullopt;
  std::optional<std::string> type = std::nullopt;  // an event type's published name
  Position first{1};
  Position last{UINT64_MAX};  // cut to what is committed
};

// Immutable; thread-safe. Borrows.
class EventReader {
 public:
  EventReader(const EventLog& log, const Codec& codec, TenantId tenant)
      : log_(log), codec_(codec), tenant_(std::move(tenant)) {}

  // Visits the matching events of [from, filter.last], having looked at `max_scanned` events at
  // most. Returns the position from which to go on: beyond filter.last when there is no more, and
  // that of the event for which `visit` returned false, which counts as not visited. Errors are the
  // log's and the codec's.
  Result<Position> read(const EventsFilter& filter, Position from, std::size_t max_scanned,
                        const RecordVisitor& visit) const;

 private:
  Result<bool> is_of_type(const RecordView& record, const EventsFilter& filter) const;

  const EventLog& log_;
  const Codec& codec_;
  const TenantId tenant_;
};

}  // namespace citas::api

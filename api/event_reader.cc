#include "api/event_reader.h"

#include "events/event_types.h"

namespace citas::api {
namespace {

Position after(Position position) { return Position{position.value() + 1}; }

}  // namespace

Result<bool> EventReader::is_of_type(const RecordView& record, const EventsFilter& filter) const {
  if (!filter.type) return true;
  const auto event = codec_.decode_known(record.bytes);
  if (!event) return failure(event.error());
  return event->has_value() && type_of((*event)->data) == *filter.type;
}

Result<Position> EventReader::read(const EventsFilter& filter, Position from,
                                   std::size_t max_scanned, const RecordVisitor& visit) const {
  const Position last = std::min(filter.last, log_.committed());
  if (from > last) return after(last);
  Position next = from;
  std::size_t scanned = 0;
  bool stopped = false;
  Status failed;
  const auto look_at = [&](const RecordView& record) {
    next = record.position;
    stopped = record.position > last || scanned++ == max_scanned;
    if (stopped) return false;
    const auto matches = is_of_type(record, filter);
    if (!matches) failed = failure(matches.error());
    stopped = !matches || (*matches && !visit(record));
    if (!stopped) next = after(record.position);
    return !stopped;
  };
  const Status read =
      filter.tag
          ? log_.read_tag({.tenant = tenant_, .tag = *filter.tag, .first = from, .last = last},
                          look_at)
          : log_.read(Position{from.value() - 1}, max_scanned + 1, look_at);
  if (!read) return failure(read.error());
  if (!failed) return failure(failed.error());
  return stopped ? next : after(last);
}

}  // namespace citas::api

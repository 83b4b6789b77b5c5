#include "api/read_position.h"

namespace citas::api {
namespace {

constexpr FieldFault kBeyondLog{"position_beyond_log", "must not be beyond the end of the log"};

// The last committed event of the tag after `reached`, if there is one.
Result<std::optional<Position>> last_event_after(Position reached, const Tag& tag,
                                                 const TenantId& tenant, const EventLog& log) {
  std::optional<Position> last;
  if (log.committed() <= reached) return last;
  const TagQuery newest{.tenant = tenant,
                        .tag = tag,
                        .direction = Direction::kBackward,
                        .first = Position{reached.value() + 1}};
  const auto read = log.read_tag(newest, [&](const RecordView& record) {
    last = record.position;
    return false;
  });
  if (!read) return failure(read.error());
  return last;
}

}  // namespace

std::optional<Reply> wait_for(std::optional<Position> minimum, Feed feed, Position reached,
                              const http::Request& request) {
  if (!minimum || *minimum <= reached) return std::nullopt;
  if (!request.parked_timed_out) {
    return http::Park{minimum->value(), kReadTimeout, number_of(feed)};
  }
  return tl::unexpected(Problem{.code = ProblemCode::kPositionNotReached,
                                .detail = "What is read has reached position " +
                                          std::to_string(reached.value()) +
                                          ", which is before minPosition; retry later.",
                                .position = reached});
}

ReadPoint read_point(ParameterReader& reader, const EventLog& log) {
  const ReadPoint point{read_position(reader, "minPosition"), read_position(reader, "asOf")};
  if (point.as_of && *point.as_of > log.committed()) reader.fail("asOf", kBeyondLog);
  return point;
}

std::optional<Reply> wait_to_reflect(const ReadPoint& point, const Tag& tag, Feed feed,
                                     Position reached, const EventLog& log, const Call& call) {
  if (auto wait = wait_for(point.minimum, feed, reached, call.request)) return wait;
  if (point.as_of || call.request.parked_timed_out) return std::nullopt;
  const auto unseen = last_event_after(reached, tag, call.context.tenant, log);
  if (!unseen) return tl::unexpected(problem_of(unseen.error()));
  return wait_for(*unseen, feed, reached, call.request);
}

}  // namespace citas::api

#include "api/events.h"

#include <algorithm>
#include <memory>

#include "api/event_cursor.h"
#include "api/parameters.h"
#include "api/read_position.h"
#include "api/responses.h"
#include "events/base/hex.h"
#include "events/event_types.h"

namespace citas::api {
namespace {

constexpr std::string_view kNdjson = "application/x-ndjson";

// A filter may match nothing for long: a page is then sent short, with a cursor to go on from.
constexpr std::size_t kMaxScannedPerPage = 50'000;
// A stream is made in pieces of about this size, so that it takes no memory to speak of.
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kMaxScannedPerPiece = 10'000;

constexpr FieldFault kNotTag{"invalid_tag",
                             "must be insured:<insuredId>, appointment:<appointmentId>, "
                             "slot:<countryISO>:<scheduleId> or deadletter:<deadLetterId>"};
constexpr FieldFault kNotType{"invalid_type", "must be the name of an event type"};
constexpr FieldFault kOnlyForPages{"only_for_pages", "is for pages, not for application/x-ndjson"};

std::optional<std::string> parse_type(std::string_view text) {
  return is_event_type(text) ? std::optional(std::string{text}) : std::nullopt;
}

EventsFilter read_filter(ParameterReader& reader) {
  EventsFilter filter;
  filter.tag = reader.query("tag", parse_tag, kNotTag);
  filter.type = reader.query("type", parse_type, kNotType);
  filter.first = std::max(read_position(reader, "from").value_or(Position{1}), Position{1});
  filter.last = read_position(reader, "to").value_or(Position{UINT64_MAX});
  return filter;
}

// The end of what readers see, which may lag behind what is durable.
Result<Head> committed_head(const EventLog& log) {
  const Head head = log.head();
  const Position committed = log.committed();
  if (committed == head.position) return head;
  if (committed == Position{0}) return Head{log.epoch(), committed, log.identity().genesis()};
  const auto record = read_one(log, committed);
  if (!record) return failure(record.error());
  return Head{record->epoch, record->position, record->hash};
}

// Where a stream has got to. Its end stays what was committed when it began.
struct Export {
  EventsFilter filter;
  Position next;
};

// What a filter passes over is paid for here too, so a piece may be empty before the end: whoever
// else waits for the thread has a turn, and a client that has left is noticed.
Result<bool> produce(const EventReader& reader, Export& state, std::string& piece) {
  piece.clear();
  if (state.next > state.filter.last) return false;
  const auto next =
      reader.read(state.filter, state.next, kMaxScannedPerPiece, [&](const RecordView& record) {
        if (piece.size() >= kPieceBytes) return false;
        piece.append(record.bytes).append(1, '\n');
        return true;
      });
  if (!next) return failure(next.error());
  state.next = *next;
  return true;
}

}  // namespace

std::vector<Route> EventRoutes::routes() const {
  const auto bound = [this](Reply (EventRoutes::*handler)(const Call&) const) {
    return [this, handler](const Call& call) { return (this->*handler)(call); };
  };
  using http::Pool;
  return {
      {"GET", "/events", Pool::kReader, bound(&EventRoutes::list), {"application/json", kNdjson}},
      {"GET", "/events/head", Pool::kReader, bound(&EventRoutes::head)},
      {"GET", "/events/{position}", Pool::kReader, bound(&EventRoutes::one)},
  };
}

Reply EventRoutes::list(const Call& call) const {
  auto reply = call.media_type == kNdjson ? stream(call) : page(call);
  auto* response = reply ? std::get_if<http::Response>(&*reply) : nullptr;
  if (response != nullptr) response->headers.push_back({"Vary", "Accept"});
  return reply;
}

std::optional<Reply> EventRoutes::wait_for_log(std::optional<Position> minimum,
                                               const Call& call) const {
  return wait_for(minimum, Feed::kLog, system_.log.committed(), call.request);
}

Reply EventRoutes::page(const Call& call) const {
  ParameterReader parameters(call);
  const EventsFilter filter = read_filter(parameters);
  const std::size_t limit = read_limit(parameters);
  const Epoch epoch = system_.log.epoch();
  const auto parse = [&](std::string_view text) { return parse_event_cursor(text, epoch, filter); };
  const Position from = parameters.query("cursor", parse, kNotCursor).value_or(filter.first);
  const auto minimum = read_position(parameters, "minPosition");
  if (auto invalid = parameters.problem()) return tl::unexpected(std::move(*invalid));
  if (auto wait = wait_for_log(minimum, call)) return *std::move(wait);

  const Position committed = system_.log.committed();
  std::string body = R"({"events":[)";
  std::size_t count = 0;
  Position last{0};
  const auto next = reader_.read(filter, from, kMaxScannedPerPage, [&](const RecordView& record) {
    if (count == limit) return false;
    if (count++ > 0) body.append(1, ',');
    body.append(record.bytes);
    last = record.position;
    return true;
  });
  if (!next) return tl::unexpected(problem_of(next.error()));
  const bool has_more = *next <= std::min(filter.last, committed);
  body.append("],");
  append_pagination(body, limit,
                    has_more ? make_event_cursor(epoch, *next, filter) : std::string{});
  auto response = json_response(200, body.append(1, '}'));
  set_position(response, committed);
  // A page changes with each event that it gains, and once more when another page follows.
  set_entity_tag(response, epoch, has_more ? *next : last);
  return response;
}

Reply EventRoutes::stream(const Call& call) const {
  ParameterReader parameters(call);
  Export state{read_filter(parameters), {}};
  for (const std::string_view name : {"limit", "cursor"}) {
    if (parameters.has(name)) parameters.refuse(name, kOnlyForPages);
  }
  const auto minimum = read_position(parameters, "minPosition");
  if (auto invalid = parameters.problem()) return tl::unexpected(std::move(*invalid));
  if (auto wait = wait_for_log(minimum, call)) return *std::move(wait);

  const Position committed = system_.log.committed();
  state.next = state.filter.first;
  state.filter.last = std::min(state.filter.last, committed);
  http::Response response;
  response.headers.push_back({"Content-Type", std::string{kNdjson}});
  response.stream = [this, state = std::move(state)](std::string& piece) mutable {
    return produce(reader_, state, piece);
  };
  set_position(response, committed);
  return response;
}

Reply EventRoutes::one(const Call& call) const {
  ParameterReader parameters(call);
  const Position position = parameters.path(0, "position", parse_position, kNotPosition);
  const auto minimum = read_position(parameters, "minPosition");
  if (auto invalid = parameters.problem()) return tl::unexpected(std::move(*invalid));
  if (auto wait = wait_for_log(minimum, call)) return *std::move(wait);
  const auto record = read_one(system_.log, position);
  if (!record && record.error().code == ErrorCode::kNotFound) {
    return tl::unexpected(Problem{.code = ProblemCode::kEventNotFound,
                                  .detail = "There is no event at this position yet."});
  }
  if (!record) return tl::unexpected(problem_of(record.error()));
  auto response = json_response(200, record->bytes);
  set_position(response, record->position);
  set_entity_tag(response, system_.log.epoch(), record->position);
  response.headers.push_back({"Citas-Hash", to_hex(record->hash)});
  return response;
}

Reply EventRoutes::head(const Call& call) const {
  ParameterReader parameters(call);
  const auto minimum = read_position(parameters, "minPosition");
  if (auto invalid = parameters.problem()) return tl::unexpected(std::move(*invalid));
  if (auto wait = wait_for_log(minimum, call)) return *std::move(wait);
  const auto head = committed_head(system_.log);
  if (!head) return tl::unexpected(problem_of(head.error()));
  std::string body = R"({"logId":")" + system_.log.identity().id.value().to_string();
  body.append(R"(","epoch":)").append(std::to_string(head->epoch.value()));
  body.append(R"(,"position":")").append(std::to_string(head->position.value()));
  body.append(R"(","hash":")").append(to_hex(head->hash)).append(R"("})");
  auto response = json_response(200, std::move(body));
  set_position(response, head->position);
  set_entity_tag(response, system_.log.epoch(), head->position);
  return response;
}

}  // namespace citas::api

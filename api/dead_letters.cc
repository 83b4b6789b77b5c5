#include "api/dead_letters.h"

#include "api/client_command.h"
#include "api/event_cursor.h"
#include "api/parameters.h"
#include "api/read_position.h"
#include "api/request_json.h"
#include "api/responses.h"

namespace citas::api {
namespace {

using projections::DeadLettersFilter;
using projections::Order;

constexpr std::string_view kCollection = "/dead-letters";
constexpr std::string_view kOne = "/dead-letters/{deadLetterId}";
constexpr std::string_view kRetry = "/dead-letters/{deadLetterId}/retry";
constexpr std::string_view kDiscard = "/dead-letters/{deadLetterId}/discard";

// Part of what idempotency keys are scoped by, and so of what is stored for ever.
constexpr std::string_view kRetryRoute = "POST /dead-letters/{deadLetterId}/retry";
constexpr std::string_view kDiscardRoute = "POST /dead-letters/{deadLetterId}/discard";

const std::string kOneOfStates = one_of(projections::kLetterStateNames);
const FieldFault kNotState{"invalid_state", kOneOfStates};

DeadLetterId read_letter(ParameterReader& reader) {
  const auto parse = [](std::string_view text) -> std::optional<DeadLetterId> {
    const auto id = Uuid::parse(text);
    return id ? std::optional(DeadLetterId{*id}) : std::nullopt;
  };
  return reader.path(0, "deadLetterId", parse, kNotUuid);
}

// What a cursor is good for.
std::string scope_of(const DeadLettersFilter& filter) {
  std::string scope{kCollection};
  if (filter.state) scope.append(1, '\n').append(to_string(*filter.state));
  return scope.append(filter.order == Order::kAscending ? "\nasc" : "\ndesc");
}

Problem problem_of_query(const Error& error) {
  if (error.code != ErrorCode::kNotFound) return problem_of(error);
  return problem_of(commands::Rejection{commands::RejectionCode::kDeadLetterNotFound});
}

}  // namespace

std::vector<Route> DeadLetterRoutes::routes() const {
  const auto bound = [this](Reply (DeadLetterRoutes::*handler)(const Call&) const) {
    return [this, handler](const Call& call) { return (this->*handler)(call); };
  };
  using http::Pool;
  return {
      {"GET", kCollection, Pool::kReader, bound(&DeadLetterRoutes::list)},
      {"GET", kOne, Pool::kReader, bound(&DeadLetterRoutes::find)},
      // They block: their answers are read from the log after the commit.
      {"POST", kRetry, Pool::kWriter, bound(&DeadLetterRoutes::retry)},
      {"POST", kDiscard, Pool::kWriter, bound(&DeadLetterRoutes::discard)},
  };
}

Reply DeadLetterRoutes::list(const Call& call) const {
  ParameterReader reader(call);
  DeadLettersFilter filter;
  filter.state = reader.query("state", projections::parse_letter_state, kNotState);
  filter.order = read_order(reader).value_or(Order::kDescending);
  const std::size_t limit = read_limit(reader);
  const std::string scope = scope_of(filter);
  const Epoch epoch = system_.log.epoch();
  const auto parse = [&](std::string_view text) {
    return parse_position_cursor(text, epoch, scope);
  };
  const auto from = reader.query("cursor", parse, kNotCursor);
  const auto minimum = read_position(reader, "minPosition");
  if (auto invalid = reader.problem()) return tl::unexpected(std::move(*invalid));
  if (auto wait =
          wait_for(minimum, Feed::kDeadLetters, system_.dead_letters.position(), call.request)) {
    return *wait;
  }

  const auto page = system_.dead_letters.list(call.context.tenant, filter, limit, from);
  if (!page) return tl::unexpected(problem_of_query(page.error()));
  std::string body = R"({"deadLetters":)" + page->letters;
  body.append(R"(,"total":)").append(std::to_string(page->total)).append(1, ',');
  append_pagination(body, limit,
                    page->next ? make_position_cursor(epoch, *page->next, scope) : std::string{});
  auto response = json_response(200, body.append(1, '}'));
  set_position(response, page->reflected);
  set_entity_tag(response, epoch, page->last_changed, system_.dead_letters.version());
  return response;
}

Reply DeadLetterRoutes::find(const Call& call) const {
  ParameterReader reader(call);
  const DeadLetterId letter = read_letter(reader);
  const ReadPoint point{read_position(reader, "minPosition"), std::nullopt};
  if (auto invalid = reader.problem()) return tl::unexpected(std::move(*invalid));
  const Position reached = system_.dead_letters.position();
  if (auto wait = wait_to_reflect(point, dead_letter_tag(letter), Feed::kDeadLetters, reached,
                                  system_.log, call)) {
    return *std::move(wait);
  }
  auto found = system_.dead_letters.find(call.context.tenant, letter);
  if (!found) return tl::unexpected(problem_of_query(found.error()));
  auto response = json_response(200, std::move(found->json));
  set_position(response, found->reflected);
  set_entity_tag(response, system_.log.epoch(), found->last_changed,
                 system_.dead_letters.version());
  return response;
}

Reply DeadLetterRoutes::retry(const Call& call) const {
  ParameterReader reader(call);
  const DeadLetterId letter = read_letter(reader);
  auto errors = reader.take_errors();
  const auto key = read_idempotency_key(call.request.headers, errors);
  if (!errors.empty()) return tl::unexpected(validation_problem(std::move(errors)));
  if (auto invalid = refuse_body(call.request.body)) return tl::unexpected(std::move(*invalid));
  return decide(client_command(call, commands::RetryDeadLetter{letter}, key, kRetryRoute,
                               letter.value().to_string()));
}

Reply DeadLetterRoutes::discard(const Call& call) const {
  if (auto refused = refuse_media_type(call.request)) return tl::unexpected(std::move(*refused));
  ParameterReader reader(call);
  const DeadLetterId letter = read_letter(reader);
  auto errors = reader.take_errors();
  const auto key = read_idempotency_key(call.request.headers, errors);
  auto reason = parse_discard(call.request.body, std::move(errors));
  if (!reason) return tl::unexpected(std::move(reason.error()));
  return decide(client_command(call, commands::DiscardDeadLetter{letter, *std::move(reason)}, key,
                               kDiscardRoute, letter.value().to_string()));
}

Reply DeadLetterRoutes::decide(commands::Command command) const {
  const auto outcome = execute(system_.sequencer, std::move(command), kWriteTimeout);
  if (!outcome) return tl::unexpected(problem_of(outcome.error()));
  auto found = system_.dead_letters.find_after(*outcome->event);
  if (!found) return tl::unexpected(problem_of_query(found.error()));
  auto response = json_response(200, std::move(found->json));
  describe_write(response, *outcome);
  return response;
}

}  // namespace citas::api

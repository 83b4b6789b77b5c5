#include "api/application.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "api/documentation.h"
#include "api/negotiation.h"
#include "api/origin.h"
#include "api/problems.h"
#include "api/responses.h"
#include "events/base/traceparent.h"

namespace citas::api {
namespace {

constexpr std::string_view kUnmatched = "unmatched";

// Bytes of a body. A whole MiB of JSON takes ten milliseconds, which all connections of its thread
// would wait for; no command is anywhere near this.
constexpr std::size_t kMostParsedInline = 16 * 1024;

std::string_view label_of(const RouteMatch& match) {
  return match.label.empty() ? kUnmatched : match.label;
}

std::string_view method_label(std::string_view method) {
  constexpr std::array<std::string_view, 3> kMethods{"GET", "HEAD", "POST"};
  const auto* found = std::ranges::find(kMethods, method);
  return found == kMethods.end() ? "other" : *found;
}

Problem unserved(const RouteMatch& match) {
  if (match.allow.empty()) {
    return {.code = ProblemCode::kNotFound, .detail = "There is nothing at this path."};
  }
  return {.code = ProblemCode::kMethodNotAllowed,
          .detail = "This path takes only " + match.allow + ".",
          .allow = match.allow};
}

Problem not_acceptable(const Route& route) {
  std::string types;
  for (const std::string_view type : route.produces) {
    if (!types.empty()) types.append(" or ");
    types.append(type);
  }
  return {.code = ProblemCode::kNotAcceptable, .detail = "This is sent only as " + types + "."};
}

Problem cross_origin() {
  return {.code = ProblemCode::kCrossOrigin,
          .detail = "Browsers may not send commands for pages of other sites."};
}

// Seconds. Room on a disk is made by people.
std::string_view retry_after(ProblemCode code) {
  return code == ProblemCode::kStorageFull ? "30" : "1";
}

http::Response problem_response(const Problem& problem, std::string_view request_id,
                                Timestamp now) {
  http::Response response;
  response.status = type_of(problem.code).status;
  response.headers.push_back({"Content-Type", "application/problem+json"});
  if (response.status == 503) {
    response.headers.push_back({"Retry-After", std::string(retry_after(problem.code))});
  }
  if (!problem.allow.empty()) response.headers.push_back({"Allow", problem.allow});
  if (problem.position) set_position(response, *problem.position);
  response.cause = problem.cause;
  response.body = render(problem, request_id, now);
  return response;
}

// Turns a response that the client has already into 304.
void apply_condition(http::Response& response, std::string_view if_none_match) {
  if (response.status != 200 || if_none_match.empty()) return;
  const std::string_view entity_tag = header_of(response, "ETag");
  if (entity_tag.empty() || !matches_entity_tag(if_none_match, entity_tag)) return;
  response.status = 304;
  response.body.clear();
  std::erase_if(response.headers, [](const auto& field) { return field.name == "Content-Type"; });
}

void protect(http::Response& response) {
  if (header_of(response, "Cache-Control").empty()) {
    response.headers.push_back({"Cache-Control", "no-store"});
  }
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
}

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }

}  // namespace

// What finishing a response needs of its request, which may be gone by then.
struct Application::Frame {
  std::string request_id;
  std::string traceparent;
  std::string if_none_match;
  std::string_view route;
  std::string_view method = {};  // of static storage
};

Application::Application(const Dependencies& dependencies, ResponseObserver observer)
    : dependencies_(dependencies),
      observer_(std::move(observer)),
      writes_(dependencies_.clock, kWriteTimeout),
      appointments_(dependencies_, writes_),
      events_(dependencies_),
      dead_letters_(dependencies_),
      operations_(dependencies_),
      router_(all_routes()) {}

std::vector<Route> Application::all_routes() const {
  std::vector<Route> all;
  for (auto routes : {appointments_.routes(), events_.routes(), dead_letters_.routes(),
                      operations_.routes(), documentation_routes()}) {
    std::ranges::move(routes, std::back_inserter(all));
  }
  return all;
}

http::Pool Application::classify(const http::Request& request) const noexcept {
  const RouteMatch match = router_.match(request.method, request.path);
  if (match.route == nullptr) return http::Pool::kInline;
  const bool is_quick = match.route->is_quick_without_query && request.query.empty();
  if (!is_quick && match.route->pool != http::Pool::kInline) return match.route->pool;
  return request.body.size() > kMostParsedInline ? http::Pool::kReader : http::Pool::kInline;
}

Reply Application::dispatch(const http::Request& request, const RequestContext& context,
                            const RouteMatch& match) const {
  if (match.route == nullptr) return tl::unexpected(unserved(match));
  // Pages of other sites can send reads too, but browsers do not let them see the answers.
  if (!is_read(request.method) && is_cross_origin(request.headers)) {
    return tl::unexpected(cross_origin());
  }
  const auto media_type = negotiate(request.headers.joined("Accept"), match.route->produces);
  if (!media_type) return tl::unexpected(not_acceptable(*match.route));
  return match.route->handler({request, context, match.parameters, match.base, *media_type});
}

http::Outcome Application::handle(const http::Request& request) {
  RequestContext context = read_context(request.headers, dependencies_.ids);
  const RouteMatch match = router_.match(request.method, request.path);
  auto reply = dispatch(request, context, match);
  if (auto* park = reply ? std::get_if<http::Park>(&*reply) : nullptr) return *park;
  Frame frame{std::move(context.request_id), std::move(context.traceparent),
              is_read(request.method) ? request.headers.joined("If-None-Match") : std::string{},
              label_of(match), method_label(request.method)};
  if (!reply) return finish(tl::unexpected(std::move(reply.error())), frame);
  if (auto* later = std::get_if<Later>(&*reply)) return defer(std::move(*later), std::move(frame));
  return finish(std::get<http::Response>(*std::move(reply)), frame);
}

http::Deferred Application::defer(Later later, Frame frame) const {
  return [this, later = std::move(later), frame = std::move(frame)](http::Completion completion) {
    later([this, frame, completion = std::move(completion)](RenderAnswer render) {
      completion.complete(
          [this, frame, render = std::move(render)] { return finish(render(), frame); });
    });
  };
}

http::Response Application::finish(Answer answer, const Frame& frame) const {
  http::Response response =
      answer ? *std::move(answer)
             : problem_response(answer.error(), frame.request_id, dependencies_.clock.now());
  apply_condition(response, frame.if_none_match);
  protect(response);
  response.headers.push_back({"Request-Id", frame.request_id});
  if (!frame.traceparent.empty()) response.headers.push_back({"traceparent", frame.traceparent});
  response.route = frame.route;
  if (response.stream) response.stream = watched(std::move(response.stream), frame);
  return response;
}

http::PieceProducer Application::watched(http::PieceProducer stream, const Frame& frame) const {
  return [this, stream = std::move(stream), frame](std::string& piece) {
    auto more = stream(piece);
    if (!more && observer_) {
      observer_({.method = frame.method,
                 .route = frame.route,
                 .status = 200,
                 .duration = {},
                 .request_id = frame.request_id,
                 .trace_id = trace_id_of(frame.traceparent),
                 .position = {},
                 .cause = more.error().message,
                 .broke_off = true});
    }
    return more;
  };
}

http::Response Application::refuse(const http::Refusal& refusal, const http::Request& request) {
  const RequestContext context = read_context(request.headers, dependencies_.ids);
  const RouteMatch match = router_.match(request.method, request.path);
  return finish(tl::unexpected(problem_of_status(refusal.status, refusal.detail)),
                {context.request_id, context.traceparent, "", label_of(match)});
}

void Application::on_response(const http::Request& request, const http::Response& response,
                              std::chrono::nanoseconds duration) {
  if (!observer_) return;
  observer_({.method = method_label(request.method),
             .route = response.route.empty() ? kUnmatched : response.route,
             .status = response.status,
             .duration = duration,
             .request_id = header_of(response, "Request-Id"),
             .trace_id = trace_id_of(header_of(response, "traceparent")),
             .position = header_of(response, "Citas-Position"),
             .cause = response.cause});
}

}  // namespace citas::api

#include "api/client_command.h"

#include "api/negotiation.h"
#include "api/responses.h"

namespace citas::api {

commands::Command client_command(const Call& call, commands::CommandData data,
                                 const std::optional<std::string>& key, std::string_view route,
                                 std::string_view resource) {
  const RequestContext& context = call.context;
  commands::Command command{.data = std::move(data),
                            .tenant = context.tenant,
                            .actor = context.principal,
                            .traceparent = context.traceparent};
  if (key) {
    command.idempotency = commands::idempotency_key(context.tenant, context.principal, route,
                                                    resource, *key, command.data);
  }
  return command;
}

std::optional<Problem> refuse_media_type(const http::Request& request) {
  if (is_json_content_type(request.headers.joined("Content-Type"))) return std::nullopt;
  return Problem{.code = ProblemCode::kUnsupportedMediaType,
                 .detail = "The Content-Type must be application/json, in UTF-8."};
}

Problem problem_of(const commands::Refusal& refusal) {
  return std::visit([](const auto& why) { return problem_of(why); }, refusal);
}

void describe_write(http::Response& response, const commands::Accepted& accepted) {
  // The event's own position suffices to read it, however far the log has grown since.
  set_position(response, accepted.event ? accepted.event->position : accepted.committed);
  if (accepted.replayed) response.headers.push_back({"Idempotent-Replayed", "true"});
}

}  // namespace citas::api

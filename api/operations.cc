#include "api/operations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/parameters.h"
#include "api/read_position.h"
#include "api/request_json.h"
#include "api/responses.h"
#include "events/base/check.h"
#include "events/base/json_text.h"

namespace citas::api {
namespace {

using Json = nlohmann::ordered_json;
using projections::Progress;

constexpr FieldFault kNotFlag{"invalid_flag", "must be true, false or empty"};

std::optional<bool> parse_flag(std::string_view text) {
  if (text.empty() || text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::string_view to_string(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kDegraded:
      return "degraded";
    case Health::kUnavailable:
      return "unavailable";
  }
  CHECK(false);
}

std::string_view to_string(Rebuild::State state) {
  switch (state) {
    case Rebuild::State::kRunning:
      return "running";
    case Rebuild::State::kCompleted:
      return "completed";
    case Rebuild::State::kFailed:
      return "failed";
  }
  CHECK(false);
}

double seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

Json to_json(const std::vector<PartHealth>& parts) {
  Json list = Json::array();
  for (const PartHealth& part : parts) {
    list.push_back(
        {{"name", part.name}, {"status", to_string(part.health)}, {"reason", part.reason}});
  }
  return list;
}

Json to_json(const Rebuild& rebuild) {
  const Progress& progress = rebuild.progress;
  const auto eta = progress.eta();
  Json entry{{"state", to_string(rebuild.state)},
             {"position", std::to_string(progress.done)},
             {"target", std::to_string(progress.total)},
             {"percent", progress.percent()},
             {"eventsPerSecond", progress.events_per_second()},
             {"etaSeconds", eta ? Json(seconds(*eta)) : Json(nullptr)}};
  if (rebuild.identical) entry["identical"] = *rebuild.identical;
  if (!rebuild.reason.empty()) entry["reason"] = rebuild.reason;
  return entry;
}

Json to_json(const ProjectionState& state) {
  const projections::ProjectionStatus& status = state.status;
  return {{"name", status.name},
          {"version", status.checkpoint.model.version},
          {"position", std::to_string(status.checkpoint.head.position.value())},
          {"digest", status.checkpoint.digest.to_hex()},
          {"lagEvents", status.lag_events},
          {"lagSeconds", seconds(status.lag)},
          {"rebuild", state.rebuild ? to_json(*state.rebuild) : Json(nullptr)}};
}

Problem problem_of_rebuild(const Error& error) {
  if (error.code == ErrorCode::kNotFound) {
    return {.code = ProblemCode::kProjectionNotFound,
            .detail = "There is no projection of this name."};
  }
  if (error.code == ErrorCode::kConflict) {
    return {.code = ProblemCode::kRebuildRunning,
            .detail = "This projection is being rebuilt already."};
  }
  return problem_of(error);
}

}  // namespace

std::vector<Route> OperationRoutes::routes() const {
  const auto bound = [this](Reply (OperationRoutes::*handler)(const Call&) const) {
    return [this, handler](const Call& call) { return (this->*handler)(call); };
  };
  using http::Pool;
  return {
      // Inline, so that probes are answered however busy the pools are.
      {"GET", "/livez", Pool::kInline, bound(&OperationRoutes::liveness)},
      {"GET", "/readyz", Pool::kInline, bound(&OperationRoutes::readiness)},
      {"GET", "/metrics", Pool::kReader, bound(&OperationRoutes::metrics), {"text/plain"}},
      {"GET", "/projections", Pool::kReader, bound(&OperationRoutes::projections)},
      {"POST", "/projections/{name}/rebuild", Pool::kReader, bound(&OperationRoutes::rebuild)},
  };
}

Reply OperationRoutes::liveness(const Call& call) const {
  if (auto invalid = refuse_parameters(call)) return tl::unexpected(std::move(*invalid));
  return json_response(200, R"({"status":"ok"})");
}

Reply OperationRoutes::readiness(const Call& call) const {
  ParameterReader parameters(call);
  const bool verbose = parameters.query("verbose", parse_flag, kNotFlag).value_or(false);
  if (auto invalid = parameters.problem()) return tl::unexpected(std::move(*invalid));
  const auto parts = system_.health.parts();
  Health worst = Health::kOk;
  for (const PartHealth& part : parts) worst = std::max(worst, part.health);
  Json body{{"status", to_string(worst)}};
  if (verbose) body["parts"] = to_json(parts);
  auto response = json_response(worst == Health::kUnavailable ? 503 : 200, json_text(body));
  if (response.status == 503) response.headers.push_back({"Retry-After", "1"});
  return response;
}

Reply OperationRoutes::metrics(const Call& call) const {
  if (auto invalid = refuse_parameters(call)) return tl::unexpected(std::move(*invalid));
  http::Response response;
  response.headers.push_back({"Content-Type", "text/plain; version=0.0.4; charset=utf-8"});
  response.body = system_.metrics.text();
  return response;
}

Reply OperationRoutes::projections(const Call& call) const {
  ParameterReader parameters(call);
  const auto minimum = read_position(parameters, "minPosition");
  if (auto invalid = parameters.problem()) return tl::unexpected(std::move(*invalid));
  const Position committed = system_.log.committed();
  // What it reflects is the log, which every model's lag is measured against.
  if (auto wait = wait_for(minimum, Feed::kLog, committed, call.request)) return *std::move(wait);
  Json list = Json::array();
  for (const ProjectionState& state : system_.projections.list()) list.push_back(to_json(state));
  auto response = json_response(200, json_text(Json{{"projections", std::move(list)}}));
  set_position(response, committed);
  return response;
}

Reply OperationRoutes::rebuild(const Call& call) const {
  if (auto invalid = refuse_parameters(call)) return tl::unexpected(std::move(*invalid));
  if (auto invalid = refuse_body(call.request.body)) return tl::unexpected(std::move(*invalid));
  const std::string_view name = call.parameters[0];
  const auto started = system_.projections.start_rebuild(name);
  if (!started) return tl::unexpected(problem_of_rebuild(started.error()));
  for (const ProjectionState& state : system_.projections.list()) {
    if (state.status.name != name) continue;
    auto response = json_response(202, json_text(to_json(state)));
    set_position(response, system_.log.committed());
    return response;
  }
  return tl::unexpected(problem_of_rebuild({ErrorCode::kNotFound, "gone meanwhile"}));
}

}  // namespace citas::api

#include "api/documentation.h"

#include <string>

#include "api/openapi.h"
#include "api/parameters.h"
#include "api/problems.h"
#include "api/responses.h"
#include "events/base/hex.h"
#include "events/base/sha256.h"

namespace citas::api {
namespace {

Reply document(const Call& call, std::string body) {
  if (auto invalid = refuse_parameters(call)) return tl::unexpected(std::move(*invalid));
  std::string tag = '"' + to_hex(sha256({body})) + '"';
  auto response = json_response(200, std::move(body));
  // Holds nobody's data, so it may be kept; it changes with the program only.
  response.headers.push_back({"Cache-Control", "no-cache"});
  response.headers.push_back({"ETag", std::move(tag)});
  return response;
}

Reply openapi(const Call& call) { return document(call, std::string{openapi_json()}); }

Reply problems(const Call& call) { return document(call, render_catalogue()); }

Reply problem(const Call& call) {
  const ProblemType* type = find_problem(call.parameters[0]);
  if (type == nullptr) {
    return tl::unexpected(Problem{.code = ProblemCode::kProblemNotFound,
                                  .detail = "There is no problem of this code."});
  }
  return document(call, render(*type));
}

}  // namespace

std::vector<Route> documentation_routes() {
  using http::Pool;
  return {
      {"GET", "/openapi.json", Pool::kReader, openapi},
      {"GET", "/problems", Pool::kReader, problems},
      {"GET", "/problems/{code}", Pool::kReader, problem},
  };
}

}  // namespace citas::api

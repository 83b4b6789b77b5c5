// Router: which handler answers a method and path. A small table; no regular expressions.
//
// Patterns are paths whose segments are literal or "{name}", which takes any one segment that is
// not empty. The most specific pattern comes first in the table. Every path is also served under
// /api/v1. HEAD is answered by the route for GET.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "api/http/message.h"
#include "api/http/server.h"
#include "api/problems.h"
#include "api/request_context.h"

namespace citas::api {

inline constexpr std::string_view kVersionedBase = "/api/v1";

// The segments that a pattern's "{name}"s took, in their order. Borrows from the path.
struct PathParameters {
  std::array<std::string_view, 4> values;
  std::size_t count = 0;
  std::string_view operator[](std::size_t index) const { return values[index]; }
};

// A request with what is known before its handler runs. Lives while the handler runs.
struct Call {
  const http::Request& request;
  const RequestContext& context;
  PathParameters parameters;
  std::string_view base;        // "" or kVersionedBase, as the client chose
  std::string_view media_type;  // of those that the route produces, what the client likes best
};

using Answer = tl::expected<http::Response, Problem>;
using RenderAnswer = std::function<Answer()>;
// An answer that comes later: called once, at once, with the means to give it. Only the first
// answer counts; `render` runs on a thread of the server and must not block.
using Later = std::function<void(std::function<void(RenderAnswer render)> answer)>;
using Reply = tl::expected<std::variant<http::Response, http::Park, Later>, Problem>;

struct Route {
  std::string_view method;   // GET or POST
  std::string_view pattern;  // "/appointments/{insuredId}"; the label in metrics and logs
  http::Pool pool;
  std::function<Reply(const Call&)> handler;
  std::vector<std::string_view> produces = {"application/json"};  // media types, best first
  // Without a query it is one short read, not worth handing to another thread.
  bool is_quick_without_query = false;
};

struct RouteMatch {
  const Route* route = nullptr;  // nullptr: none
  PathParameters parameters = {};
  std::string_view base = {};
  std::string_view label = {};  // of the path's pattern, whatever the method; empty: none
  std::string allow = {};       // without a route, the methods that the path has: "GET, HEAD"
};

// Immutable; share it between threads.
class Router {
 public:
  explicit Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

  // The answer borrows from the router and from `path`.
  RouteMatch match(std::string_view method, std::string_view path) const;

 private:
  const std::vector<Route> routes_;
};

}  // namespace citas::api

#include "api/router.h"

namespace citas::api {
namespace {

// Takes "/segment" off the front of `path`; false when there is none.
bool take_segment(std::string_view& path, std::string_view& segment) {
  if (path.empty() || path[0] != '/') return false;
  const std::size_t end = path.find('/', 1);
  segment = path.substr(1, end == std::string_view::npos ? end : end - 1);
  path.remove_prefix(1 + segment.size());
  return true;
}

bool matches(std::string_view pattern, std::string_view path, PathParameters& parameters) {
  parameters.count = 0;
  std::string_view expected;
  std::string_view segment;
  while (take_segment(pattern, expected)) {
    if (!take_segment(path, segment)) return false;
    if (!expected.starts_with('{')) {
      if (segment != expected) return false;
    } else if (segment.empty()) {
      return false;
    } else {
      parameters.values.at(parameters.count++) = segment;
    }
  }
  return path.empty();
}

bool serves(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

void add_methods(std::string& allow, const Route& route) {
  if (!allow.empty()) allow.append(", ");
  allow.append(route.method);
  if (route.method == "GET") allow.append(", HEAD");
}

std::string_view take_base(std::string_view& path) {
  if (!path.starts_with(kVersionedBase)) return {};
  path.remove_prefix(kVersionedBase.size());
  return kVersionedBase;
}

}  // namespace

RouteMatch Router::match(std::string_view method, std::string_view path) const {
  RouteMatch found{.base = take_base(path)};
  for (const Route& route : routes_) {
    // Once a pattern has matched, only routes of that same pattern differ by their method.
    if (!found.label.empty() && route.pattern != found.label) continue;
    if (!matches(route.pattern, path, found.parameters)) continue;
    found.label = route.pattern;
    if (serves(route, method)) {
      found.route = &route;
      found.allow.clear();
      return found;
    }
    add_methods(found.allow, route);
  }
  return found;
}

}  // namespace citas::api

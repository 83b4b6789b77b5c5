#include "api/origin.h"

#include <string_view>

namespace citas::api {
namespace {

// "http://host:port" without its scheme. "null", which stands for what a browser does not tell,
// is nobody's host.
std::string_view host_of(std::string_view origin) {
  constexpr std::string_view kScheme = "://";
  const std::size_t scheme = origin.find(kScheme);
  return scheme == std::string_view::npos ? std::string_view{}
                                          : origin.substr(scheme + kScheme.size());
}

}  // namespace

bool is_cross_origin(const http::Headers& headers) {
  const std::string site = headers.joined("Sec-Fetch-Site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  if (headers.count("Origin") == 0) return false;
  const std::string origin = headers.joined("Origin");
  const std::string_view host = host_of(origin);
  return host.empty() || !http::equals_ignoring_case(host, headers.joined("Host"));
}

}  // namespace citas::api

#include "workers/nats/server_url.h"

#include <algorithm>
#include <charconv>

namespace citas::workers {
namespace {

constexpr std::uint16_t kDefaultPort = 4222;

// The port of one server, such as of "nats://[::1]:4222/".
std::uint16_t port_of(std::string_view url) {
  url = url.substr(url.rfind('@') + 1);  // npos + 1 is 0
  const std::string_view digits = url.substr(url.rfind(':') + 1);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool is_port = parsed.ptr == digits.data() + digits.size() || *parsed.ptr == '/';
  return parsed.ec == std::errc{} && is_port ? port : kDefaultPort;
}

bool is_server_url(std::string_view url) {
  const bool known = url.starts_with("nats://") || url.starts_with("tls://");
  if (!known) return false;
  url.remove_prefix(url.find("://") + 3);
  const std::string_view host = url.substr(url.rfind('@') + 1);  // npos + 1 is 0
  return !host.empty() && host.front() != ':' && host.front() != '/';
}

}  // namespace

std::string without_credentials(std::string_view urls, std::string_view mask) {
  constexpr std::string_view kScheme = "://";
  std::string shown;
  while (!urls.empty()) {
    std::string_view one = urls.substr(0, urls.find(','));
    urls.remove_prefix(std::min(urls.size(), one.size() + 1));
    const std::size_t at = one.rfind('@');
    const std::size_t scheme = one.find(kScheme);
    const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + kScheme.size();
    if (!shown.empty()) shown += ',';
    shown += one.substr(0, host);
    if (at != std::string_view::npos && at >= host) {
      shown += mask;
      one.remove_prefix(at + 1 - host);
    }
    shown += one.substr(host);
  }
  return shown;
}

std::set<std::uint16_t> ports_of(std::string_view urls) {
  std::set<std::uint16_t> ports;
  while (!urls.empty()) {
    const std::string_view one = urls.substr(0, urls.find(','));
    ports.insert(port_of(one));
    urls.remove_prefix(std::min(urls.size(), one.size() + 1));
  }
  return ports;
}

Status check_server_urls(std::string_view urls) {
  for (bool more = true; more;) {
    const std::string_view one = urls.substr(0, urls.find(','));
    if (!is_server_url(one)) {
      return failure(ErrorCode::kInvalidArgument,
                     "'" + without_credentials(one, "***@") +
                         "' is no URL of a NATS server, such as nats://127.0.0.1:4222");
    }
    more = one.size() < urls.size();
    urls.remove_prefix(std::min(urls.size(), one.size() + 1));
  }
  return {};
}

}  // namespace citas::workers

#include "workers/nats/server_url.h"

#include <algorithm>

namespace citas::workers {

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

}  // namespace citas::workers

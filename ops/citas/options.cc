#include "ops/citas/options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "events/base/number.h"

namespace citas::ops {
namespace {

bool is_address(int family, const std::string& text) {
  unsigned char ignored[sizeof(in6_addr)];
  return ::inet_pton(family, text.c_str(), ignored) == 1;
}

}  // namespace

bool ListenAddress::is_loopback() const { return host.starts_with("127.") || host == "::1"; }

std::string ListenAddress::url(std::uint16_t actual_port) const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(actual_port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto wrong = [&] {
    return failure(ErrorCode::kInvalidArgument,
                   "--listen: '" + std::string(text) +
                       "' is not ADDRESS:PORT with a numeric address, such as 127.0.0.1:8080");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string host(text.substr(0, colon));
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!port || !is_address(bracketed ? AF_INET6 : AF_INET, host)) return wrong();
  return ListenAddress{std::move(host), *port};
}

Result<std::set<CountryCode>> parse_countries(std::string_view text) {
  std::set<CountryCode> countries;
  for (bool more = true; more;) {
    const std::string_view one = text.substr(0, text.find(','));
    const auto country = CountryCode::parse(one);
    if (!country) {
      return failure(ErrorCode::kInvalidArgument,
                     "'" + std::string(one) + "' is not a country code such as PE");
    }
    countries.insert(*country);
    more = one.size() < text.size();
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return countries;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, int>, 4> kUnits{
      {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
  constexpr double kMost = 1e15;  // still exact
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto* known = std::ranges::find(kUnits, unit, &std::pair<std::string_view, int>::first);
  const bool is_size = error == std::errc{} && (unit.empty() || known != kUnits.end());
  const double bytes = unit.empty() || !is_size ? value : std::ldexp(value, known->second);
  if (!is_size || !(bytes >= 0 && bytes <= kMost)) {
    return failure(ErrorCode::kInvalidArgument,
                   "'" + std::string(text) + "' is not a size such as 512MiB, 2GiB or 1048576");
  }
  return static_cast<std::uint64_t>(bytes);
}

std::string to_string(const std::set<CountryCode>& countries) {
  std::string text;
  for (const CountryCode& country : countries) {
    if (!text.empty()) text += ',';
    text += country.text();
  }
  return text;
}

}  // namespace citas::ops

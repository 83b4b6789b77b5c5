#include "events/ids.h"

#include <algorithm>

#include "events/base/number.h"

namespace citas {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

std::optional<CountryCode> CountryCode::parse(std::string_view text) {
  if (text.size() != 2 || !std::ranges::all_of(text, is_upper)) return std::nullopt;
  CountryCode code;
  std::ranges::copy(text, code.letters_.begin());
  return code;
}

std::optional<InsuredId> InsuredId::parse(std::string_view text) {
  if (text.size() != 5 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  InsuredId id;
  std::ranges::copy(text, id.digits_.begin());
  return id;
}

std::optional<ReasonCode> ReasonCode::parse(std::string_view text) {
  constexpr std::size_t kMaxSize = 64;
  if (text.empty() || text.size() > kMaxSize || !is_lower(text[0])) return std::nullopt;
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '_'; };
  if (!std::ranges::all_of(text, allowed)) return std::nullopt;
  ReasonCode code;
  code.text_ = text;
  return code;
}

std::optional<Position> parse_position(std::string_view text) {
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  const auto value = parse_number<std::uint64_t>(text);
  return value ? std::optional(Position{*value}) : std::nullopt;
}

}  // namespace citas

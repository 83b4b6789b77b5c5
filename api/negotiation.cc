#include "api/negotiation.h"

#include "api/http/message.h"
#include "api/http/trimmed.h"

namespace citas::api {
namespace {

using http::equals_ignoring_case;
using http::trimmed;

// Takes the next element off the front of a list, without the white space around it.
std::string_view take_element(std::string_view& list, char separator) {
  const std::size_t end = list.find(separator);
  const std::string_view element = list.substr(0, end);
  list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  return trimmed(element);
}

struct Parameter {
  std::string_view name;
  std::string_view value;
};

Parameter take_parameter(std::string_view& parameters) {
  std::string_view value = take_element(parameters, ';');
  const std::string_view name = take_element(value, '=');
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return {name, value};
}

// A quality value (RFC 9110, section 12.4.2) in thousandths. What is not one counts as 1.
int quality_of(std::string_view text) {
  constexpr int kMost = 1000;
  if (text.empty() || text.size() > 5 || text[0] != '0') return kMost;
  if (text.size() > 1 && text[1] != '.') return kMost;
  int quality = 0;
  int weight = 100;
  for (std::size_t i = 2; i < text.size(); ++i, weight /= 10) {
    if (text[i] < '0' || text[i] > '9') return kMost;
    quality += (text[i] - '0') * weight;
  }
  return quality;
}

// How closely a media range names a media type; 0: not at all.
int closeness(std::string_view range, std::string_view media_type) {
  if (equals_ignoring_case(range, media_type)) return 3;
  if (range == "*/*") return 1;
  const std::size_t slash = media_type.find('/');
  const bool any_subtype = range.size() == slash + 2 && range.back() == '*';
  return any_subtype &&
                 equals_ignoring_case(range.substr(0, slash + 1), media_type.substr(0, slash + 1))
             ? 2
             : 0;
}

// What the range that names a media type most closely says of it.
int quality_for(std::string_view accept, std::string_view media_type) {
  int closest = 0;
  int quality = 0;
  while (!accept.empty()) {
    std::string_view parameters = take_element(accept, ',');
    const std::string_view range = take_element(parameters, ';');
    const int close = closeness(range, media_type);
    if (close <= closest) continue;
    closest = close;
    quality = 1000;
    while (!parameters.empty()) {
      const Parameter parameter = take_parameter(parameters);
      if (equals_ignoring_case(parameter.name, "q")) quality = quality_of(parameter.value);
    }
  }
  return quality;
}

std::string_view without_weakness(std::string_view entity_tag) {
  if (entity_tag.starts_with("W/")) entity_tag.remove_prefix(2);
  return entity_tag;
}

}  // namespace

bool is_json_content_type(std::string_view content_type) {
  if (!equals_ignoring_case(take_element(content_type, ';'), "application/json")) return false;
  while (!content_type.empty()) {
    const Parameter parameter = take_parameter(content_type);
    if (!equals_ignoring_case(parameter.name, "charset")) return false;
    if (!equals_ignoring_case(parameter.value, "utf-8")) return false;
  }
  return true;
}

std::optional<std::string_view> negotiate(std::string_view accept,
                                          std::span<const std::string_view> offered) {
  if (trimmed(accept).empty()) return offered.front();
  std::optional<std::string_view> best;
  int best_quality = 0;
  for (const std::string_view media_type : offered) {
    const int quality = quality_for(accept, media_type);
    if (quality <= best_quality) continue;
    best_quality = quality;
    best = media_type;
  }
  return best;
}

bool prefers_async(std::string_view prefer) {
  while (!prefer.empty()) {
    std::string_view preference = take_element(prefer, ',');
    if (equals_ignoring_case(take_element(preference, ';'), "respond-async")) return true;
  }
  return false;
}

bool matches_entity_tag(std::string_view if_none_match, std::string_view entity_tag) {
  if (trimmed(if_none_match) == "*") return true;
  while (!if_none_match.empty()) {
    // Our own tags hold no comma, so one that is cut at a comma is not ours.
    const std::string_view known = take_element(if_none_match, ',');
    if (without_weakness(known) == without_weakness(entity_tag)) return true;
  }
  return false;
}

}  // namespace citas::api

#include "events/base/traceparent.h"

#include <algorithm>

namespace citas {
namespace {

// version "-" trace-id "-" parent-id "-" flags
constexpr std::size_t kVersionSize = 2;
constexpr std::size_t kTraceIdAt = 3, kTraceIdSize = 32;
constexpr std::size_t kParentIdAt = 36, kParentIdSize = 16;
constexpr std::size_t kFlagsAt = 53, kFlagsSize = 2;
constexpr std::size_t kTraceparentSize = 55;

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_trace_id(std::string_view text) {
  return is_lower_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// A later version may append fields of its own.
bool has_known_length(std::string_view text, std::string_view version) {
  if (text.size() == kTraceparentSize) return true;
  return version != "00" && text.size() > kTraceparentSize && text[kTraceparentSize] == '-';
}

}  // namespace

std::string accepted_traceparent(std::string_view text) {
  if (text.size() < kTraceparentSize) return {};
  const auto version = text.substr(0, kVersionSize);
  if (!is_lower_hex(version) || version == "ff" || !has_known_length(text, version)) return {};
  if (text[kTraceIdAt - 1] != '-' || text[kParentIdAt - 1] != '-' || text[kFlagsAt - 1] != '-') {
    return {};
  }
  if (!is_trace_id(text.substr(kTraceIdAt, kTraceIdSize))) return {};
  if (!is_trace_id(text.substr(kParentIdAt, kParentIdSize))) return {};
  if (!is_lower_hex(text.substr(kFlagsAt, kFlagsSize))) return {};
  // What a later version means is unknown, but its beginning is that of version 00.
  return std::string{"00"}.append(text.substr(kVersionSize, kTraceparentSize - kVersionSize));
}

std::string_view trace_id_of(std::string_view traceparent) {
  return traceparent.empty() ? traceparent : traceparent.substr(kTraceIdAt, kTraceIdSize);
}

}  // namespace citas

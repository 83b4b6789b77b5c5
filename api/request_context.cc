#include "api/request_context.h"

#include <algorithm>

#include "events/base/hex.h"

namespace citas::api {
namespace {

constexpr std::size_t kMaxRequestIdSize = 128;

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

std::string new_traceparent(IdSource& ids) {
  const Uuid trace = ids.next();
  const Uuid parent = ids.next();
  // The second half of a UUIDv7 is the random one.
  const std::span parent_bytes = std::span(parent.bytes).last<8>();
  return "00-" + to_hex(trace.bytes) + "-" + to_hex(parent_bytes) + "-00";
}

std::string read_traceparent(const http::Headers& headers, IdSource& ids) {
  const std::string* sent = headers.find("traceparent");
  if (sent == nullptr) return {};
  std::string accepted;
  if (headers.count("traceparent") == 1) accepted = accepted_traceparent(*sent);
  return accepted.empty() ? new_traceparent(ids) : accepted;
}

}  // namespace

bool is_request_id(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kMaxRequestIdSize && std::ranges::all_of(text, allowed);
}

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

RequestContext read_context(const http::Headers& headers, IdSource& ids) {
  RequestContext context;
  const std::string* sent = headers.find("Request-Id");
  context.request_id = sent != nullptr && is_request_id(*sent) ? *sent : ids.next().to_string();
  context.traceparent = read_traceparent(headers, ids);
  return context;
}

}  // namespace citas::api

#include "api/request_context.h"

#include <algorithm>

#include "events/base/hex.h"
#include "events/base/traceparent.h"

namespace citas::api {
namespace {

constexpr std::size_t kMaxRequestIdSize = 128;

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

RequestContext read_context(const http::Headers& headers, IdSource& ids) {
  RequestContext context;
  const std::string* sent = headers.find("Request-Id");
  context.request_id = sent != nullptr && is_request_id(*sent) ? *sent : ids.next().to_string();
  context.traceparent = read_traceparent(headers, ids);
  return context;
}

}  // namespace citas::api

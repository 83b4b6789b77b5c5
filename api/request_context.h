// RequestContext: who asks, and by which ids the request is found again in logs and traces.
#pragma once

#include <string>
#include <string_view>

#include "api/http/message.h"
#include "events/base/clock.h"
#include "events/ids.h"

namespace citas::api {

// The principal while nobody has to say who they are.
inline constexpr std::string_view kAnonymous = "anonymous";

struct RequestContext {
  std::string request_id;   // the client's Request-Id, if valid; else one of ours
  std::string traceparent;  // W3C Trace Context; empty when the client sent none
  std::string principal{kAnonymous};
  TenantId tenant = kDefaultTenant;
};

RequestContext read_context(const http::Headers& headers, IdSource& ids);

// 1 … 128 of A-Z a-z 0-9 . _ -
bool is_request_id(std::string_view text);

}  // namespace citas::api

// The head of a request (RFC 9112 sections 2 to 6), checked strictly.
//
// Whatever two readers of the same bytes could understand differently is refused: that is how
// requests are smuggled past a proxy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http/limits.h"
#include "api/http/message.h"

namespace citas::api::http {

struct RequestHead {
  // As sent, still percent-encoded, in origin-form; "*" for OPTIONS *. Empty until the whole
  // request line has been found correct.
  std::string target_path;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::uint64_t content_length = 0;
};

// Parses `bytes`, a whole head including the empty line that ends it, into `request` (method, path,
// query, headers) and `head`. On a refusal both hold what was understood before it: enough for an
// error page that names the request.
tl::expected<void, Refusal> parse_head(std::string_view bytes, const Limits& limits,
                                       Request& request, RequestHead& head);

// `line` is a header field line without its CRLF. Used for trailers too.
tl::expected<Field, Refusal> parse_field(std::string_view line);

}  // namespace citas::api::http

#include "api/http/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "api/http/trimmed.h"
#include "api/http/uri.h"

namespace citas::api::http {
namespace {

using Checked = tl::expected<void, Refusal>;

tl::unexpected<Refusal> refuse(int status, std::string_view code, std::string detail) {
  return tl::unexpected<Refusal>(Refusal{status, code, std::move(detail)});
}

tl::unexpected<Refusal> malformed(std::string detail) {
  return refuse(400, "malformed_request", std::move(detail));
}

bool is_token_char(char c) {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kSymbols.find(c) != kSymbols.npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

bool is_target_char(char c) { return c > 0x20 && c < 0x7F && c != '#'; }

bool is_host_char(char c) {
  constexpr std::string_view kSymbols = "-._~!$&'()*+,;=:[]%";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kSymbols.find(c) != kSymbols.npos;
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_host_char);
}

// Takes the next line off `bytes`, without its CRLF; the reader has seen to it that there is one.
std::string_view take_line(std::string_view& bytes) {
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  // An empty line alone is no head, and leaves nothing to look for fields in.
  bytes.remove_prefix(std::min(bytes.size(), line.size() + 2));
  return line;
}

bool is_implemented(std::string_view method) {
  constexpr std::array<std::string_view, 8> kMethods = {"GET",    "POST",    "HEAD",  "PUT",
                                                        "DELETE", "OPTIONS", "PATCH", "TRACE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

bool is_version(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 8 && text.substr(0, 5) == "HTTP/" && digit(text[5]) && text[6] == '.' &&
         digit(text[7]);
}

Checked check_version(std::string_view version, RequestHead& head) {
  if (!is_version(version)) return malformed("the request line does not end in an HTTP version");
  head.http_1_0 = version == "HTTP/1.0";
  if (!head.http_1_0 && version != "HTTP/1.1") {
    return refuse(505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
  }
  return {};
}

// Cuts scheme and authority off an absolute-form target; nothing when it is no such form.
std::optional<std::string_view> without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    if (!is_host(rest.substr(0, end))) return std::nullopt;
    return rest.substr(end);
  }
  return std::nullopt;
}

// The target in origin-form, or what cannot be brought into it.
std::optional<std::string_view> origin_form(std::string_view target, const std::string& method) {
  if (target.front() == '/' || (target == "*" && method == "OPTIONS")) return target;
  return without_authority(target);
}

Checked parse_target(std::string_view target, const Limits& limits, Request& request,
                     RequestHead& head) {
  if (target.empty() || !std::all_of(target.begin(), target.end(), is_target_char)) {
    return malformed("the request target contains characters that must be percent-encoded");
  }
  const auto origin = origin_form(target, request.method);
  if (!origin) return malformed("the request target is neither a path nor an http URI");
  const std::size_t mark = std::min(origin->find('?'), origin->size());
  const std::string_view target_path = mark == 0 ? "/" : origin->substr(0, mark);
  auto path = decode_path(target_path);
  if (!path) return malformed("the path is not correctly percent-encoded UTF-8 text");
  request.path = std::move(*path);
  auto query =
      decode_query(origin->substr(std::min(mark + 1, origin->size())), limits.query_parameters);
  if (!query) return malformed("the query is not correctly percent-encoded text, or too long");
  request.query = std::move(*query);
  head.target_path = target_path;
  return {};
}

Checked parse_request_line(std::string_view line, const Limits& limits, Request& request,
                           RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last || !is_token(line.substr(0, first))) {
    return malformed("the request line is not METHOD SP TARGET SP VERSION");
  }
  const Checked version = check_version(line.substr(last + 1), head);
  if (!version) return version;
  request.method = line.substr(0, first);
  if (!is_implemented(request.method)) {
    return refuse(501, "method_not_implemented", "no resource here has this method");
  }
  return parse_target(line.substr(first + 1, last - first - 1), limits, request, head);
}

Checked check_host(const Headers& headers, bool http_1_0) {
  const std::size_t hosts = headers.count("Host");
  if (hosts > 1) return malformed("more than one Host header");
  if (hosts == 0) {
    if (http_1_0) return {};
    return malformed("HTTP/1.1 needs a Host header");
  }
  if (!is_host(*headers.find("Host"))) return malformed("the Host header is not a host");
  return {};
}

Checked check_content_length(const Headers& headers, RequestHead& head) {
  const std::string* length = headers.find("Content-Length");
  if (length == nullptr) return {};
  if (headers.count("Content-Length") > 1) return malformed("more than one Content-Length header");
  constexpr std::size_t kMostDigits = 18;  // cannot overflow 64 bits
  const char* end = length->data() + length->size();
  const auto [stop, error] = std::from_chars(length->data(), end, head.content_length);
  if (error != std::errc{} || stop != end || length->size() > kMostDigits) {
    return malformed("Content-Length is not a number of bytes");
  }
  return {};
}

Checked check_transfer_encoding(const Headers& headers, RequestHead& head) {
  const std::string* encoding = headers.find("Transfer-Encoding");
  if (encoding == nullptr) return {};
  if (headers.find("Content-Length") != nullptr) {
    return malformed("Content-Length and Transfer-Encoding contradict each other");
  }
  if (headers.count("Transfer-Encoding") > 1 || head.http_1_0) {
    return malformed("Transfer-Encoding may be given once, and only in HTTP/1.1");
  }
  if (!equals_ignoring_case(*encoding, "chunked")) {
    return refuse(501, "transfer_encoding_not_implemented",
                  "the only Transfer-Encoding is chunked");
  }
  head.chunked = true;
  return {};
}

Checked check_content(const Headers& headers, const Limits& limits, RequestHead& head) {
  if (auto length = check_content_length(headers, head); !length) return length;
  if (auto encoding = check_transfer_encoding(headers, head); !encoding) return encoding;
  const std::string* coding = headers.find("Content-Encoding");
  if (coding != nullptr && !equals_ignoring_case(*coding, "identity")) {
    return refuse(415, "content_encoding_not_supported", "send the body without Content-Encoding");
  }
  if (head.content_length > limits.body_bytes) {
    return refuse(413, "body_too_large",
                  "the body may have " + std::to_string(limits.body_bytes) + " bytes at most");
  }
  return {};
}

Checked check_expectation(const Headers& headers, RequestHead& head) {
  const std::string* expect = headers.find("Expect");
  if (expect == nullptr || head.http_1_0) return {};
  if (!equals_ignoring_case(*expect, "100-continue")) {
    return refuse(417, "expectation_failed", "the only expectation is 100-continue");
  }
  head.expects_continue = true;
  return {};
}

bool lists(const Headers& headers, std::string_view name, std::string_view token) {
  for (const Field& field : headers.fields()) {
    if (!equals_ignoring_case(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      if (equals_ignoring_case(trimmed(item), token)) return true;
    }
  }
  return false;
}

bool wants_keep_alive(const Headers& headers, bool http_1_0) {
  if (lists(headers, "Connection", "close")) return false;
  return !http_1_0 || lists(headers, "Connection", "keep-alive");
}

Checked parse_fields(std::string_view lines, const Limits& limits, Headers& headers) {
  for (std::string_view line = take_line(lines); !line.empty(); line = take_line(lines)) {
    if (headers.fields().size() == limits.header_count) {
      return refuse(431, "too_many_headers",
                    "at most " + std::to_string(limits.header_count) + " header fields");
    }
    auto field = parse_field(line);
    if (!field) return tl::unexpected<Refusal>(std::move(field.error()));
    headers.add(std::move(field->name), std::move(field->value));
  }
  return {};
}

}  // namespace

tl::expected<Field, Refusal> parse_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) {
    return malformed("a header line is not NAME: VALUE");
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), is_value_char)) {
    return malformed("a header value contains control characters");
  }
  return Field{std::string(line.substr(0, colon)), std::string(value)};
}

Checked parse_head(std::string_view bytes, const Limits& limits, Request& request,
                   RequestHead& head) {
  const auto line = parse_request_line(take_line(bytes), limits, request, head);
  // Read the header fields even then: the refusal wants the client's Request-Id.
  const auto fields = parse_fields(bytes, limits, request.headers);
  if (!line) return line;
  if (!fields) return fields;
  if (auto host = check_host(request.headers, head.http_1_0); !host) return host;
  if (auto content = check_content(request.headers, limits, head); !content) return content;
  head.keep_alive = wants_keep_alive(request.headers, head.http_1_0);
  return check_expectation(request.headers, head);
}

}  // namespace citas::api::http

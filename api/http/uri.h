// Request targets (RFC 3986, RFC 9112 section 3.2), decoded strictly.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"

namespace citas::api::http {

// Nothing when an escape is malformed or what it yields is not UTF-8 free of control characters,
// or when it hides a slash: a path must mean the same to everyone who reads it.
std::optional<std::string> decode_path(std::string_view path);

// name=value pairs with `+` as a space. Nothing where decode_path would say nothing (slashes are
// welcome here), or when there are more than `limit` pairs.
std::optional<std::vector<Field>> decode_query(std::string_view query, std::size_t limit);

// Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without C0 controls and DEL.
bool is_printable_utf8(std::string_view text);

}  // namespace citas::api::http

#include "api/http/uri.h"

#include <algorithm>
#include <cstdint>

#include "events/base/hex.h"

namespace citas::api::http {
namespace {

// The byte that the escape at text[at] stands for.
std::optional<char> escaped_byte(std::string_view text, std::size_t at) {
  unsigned char byte = 0;
  if (!from_hex(text.substr(at + 1, 2), {&byte, 1})) return std::nullopt;
  return static_cast<char>(byte);
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%') {
      const auto byte = escaped_byte(text, at);
      if (!byte) return std::nullopt;
      decoded.push_back(*byte);
      at += 2;
    } else {
      decoded.push_back(plus_is_space && text[at] == '+' ? ' ' : text[at]);
    }
  }
  if (!is_printable_utf8(decoded)) return std::nullopt;
  return decoded;
}

bool hides_slash(std::string_view path) {
  return path.find("%2f") != path.npos || path.find("%2F") != path.npos;
}

struct Sequence {
  std::size_t length;  // 0 when no sequence starts with this byte
  std::uint32_t bits;
  std::uint32_t smallest;
};

Sequence sequence_of(unsigned char lead) {
  if (lead < 0x80) return {1, lead, 0};
  if ((lead & 0xE0U) == 0xC0) return {2, lead & 0x1FU, 0x80};
  if ((lead & 0xF0U) == 0xE0) return {3, lead & 0x0FU, 0x800};
  if ((lead & 0xF8U) == 0xF0) return {4, lead & 0x07U, 0x10000};
  return {0, 0, 0};
}

bool is_acceptable(std::uint32_t code_point, std::uint32_t smallest) {
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  const bool control = code_point < 0x20 || code_point == 0x7F;
  return code_point >= smallest && code_point <= 0x10FFFF && !surrogate && !control;
}

}  // namespace

bool is_printable_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Sequence sequence = sequence_of(static_cast<unsigned char>(text[at]));
    if (sequence.length == 0 || text.size() - at < sequence.length) return false;
    std::uint32_t code_point = sequence.bits;
    for (std::size_t i = 1; i < sequence.length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0U) != 0x80) return false;
      code_point = (code_point << 6U) | (next & 0x3FU);
    }
    if (!is_acceptable(code_point, sequence.smallest)) return false;
    at += sequence.length;
  }
  return true;
}

std::optional<std::string> decode_path(std::string_view path) {
  if (hides_slash(path)) return std::nullopt;
  return decode(path, false);
}

std::optional<std::vector<Field>> decode_query(std::string_view query, std::size_t limit) {
  std::vector<Field> parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (parameters.size() == limit) return std::nullopt;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return std::nullopt;
    parameters.push_back({std::move(*name), std::move(*value)});
  }
  return parameters;
}

}  // namespace citas::api::http

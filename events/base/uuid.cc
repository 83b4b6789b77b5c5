#include "events/base/uuid.h"

#include <algorithm>
#include <span>

#include "events/base/hex.h"

namespace citas {
namespace {

constexpr bool dash_follows(std::size_t byte_index) {
  return byte_index == 3 || byte_index == 5 || byte_index == 7 || byte_index == 9;
}

// Of the variant that RFC 9562 defines.
void set_version(Uuid& uuid, unsigned version) {
  uuid.bytes[6] = static_cast<unsigned char>((uuid.bytes[6] & 0x0fU) | version << 4);
  uuid.bytes[8] = static_cast<unsigned char>((uuid.bytes[8] & 0x3fU) | 0x80U);
}

}  // namespace

void Uuid::write(char* out) const {
  constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    *out++ = kDigits[bytes[i] >> 4];
    *out++ = kDigits[bytes[i] & 0x0f];
    if (dash_follows(i)) *out++ = '-';
  }
}

std::string Uuid::to_string() const {
  std::string text(kUuidTextSize, '-');
  write(text.data());
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != kUuidTextSize) return std::nullopt;
  Uuid uuid;
  std::size_t at = 0;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (!from_hex(text.substr(at, 2), std::span(uuid.bytes).subspan(i, 1))) return std::nullopt;
    at += 2;
    if (dash_follows(i) && text[at++] != '-') return std::nullopt;
  }
  return uuid;
}

Uuid make_uuid_v7(std::uint64_t unix_ms, const std::array<unsigned char, 10>& random) {
  Uuid uuid;
  for (int i = 0; i < 6; ++i) {
    uuid.bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(unix_ms >> (8 * (5 - i)));
  }
  for (std::size_t i = 0; i < random.size(); ++i) uuid.bytes[6 + i] = random[i];
  set_version(uuid, 7);
  return uuid;
}

Uuid make_uuid_v8(const Sha256& digest) {
  Uuid uuid;
  std::copy_n(digest.begin(), uuid.bytes.size(), uuid.bytes.begin());
  set_version(uuid, 8);
  return uuid;
}

}  // namespace citas

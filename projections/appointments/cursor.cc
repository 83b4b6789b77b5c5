#include "projections/appointments/cursor.h"

#include <array>
#include <optional>

#include "events/base/sha256.h"
#include "projections/fields.h"

namespace citas::projections {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kSortKeySize = 8 + 16;
constexpr std::size_t kCodeSize = 16;
// Groups of three bytes become four characters; there is no remainder to pad.
constexpr std::size_t kBytes = kSortKeySize + kCodeSize + 2;
static_assert(kBytes % 3 == 0);
constexpr std::size_t kTextSize = kBytes / 3 * 4;
constexpr std::string_view kKind = "a1";  // appointments, first layout

std::string to_base64url(std::string_view bytes) {
  std::string text;
  text.reserve(kTextSize);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return static_cast<unsigned char>(bytes[i + k]); };
    const unsigned group = unsigned{at(0)} << 16 | unsigned{at(1)} << 8 | at(2);
    for (int shift = 18; shift >= 0; shift -= 6) text.push_back(kAlphabet[group >> shift & 63]);
  }
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    unsigned group = 0;
    for (const char letter : text.substr(i, 4)) {
      const std::size_t digit = kAlphabet.find(letter);
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << 6 | static_cast<unsigned>(digit);
    }
    for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(group >> shift));
  }
  return bytes;
}

// What the code covers comes before it.
std::string with_code(std::string payload, std::string_view question, std::string_view secret) {
  const Sha256 digest = sha256({secret, payload, question});
  payload.append(bytes_of(digest).substr(0, kCodeSize));
  return payload;
}

}  // namespace

std::string make_cursor(const SortKey& last_seen, std::string_view question,
                        std::string_view secret) {
  std::string payload{kKind};
  append_time(payload, last_seen.time);
  append_uuid(payload, last_seen.appointment.value());
  return to_base64url(with_code(std::move(payload), question, secret));
}

Result<SortKey> parse_cursor(std::string_view cursor, std::string_view question,
                             std::string_view secret) {
  const auto bytes = from_base64url(cursor);
  const std::size_t payload_size = kBytes - kCodeSize;
  if (!bytes || with_code(bytes->substr(0, payload_size), question, secret) != *bytes) {
    return failure(ErrorCode::kInvalidArgument,
                   "the cursor does not belong to this list: begin again without one");
  }
  return SortKey{read_time(*bytes, kKind.size()),
                 AppointmentId{read_uuid(*bytes, kKind.size() + 8)}};
}

}  // namespace citas::projections

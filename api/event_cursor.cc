#include "api/event_cursor.h"

#include <array>

#include "events/base/hex.h"
#include "events/base/sha256.h"

namespace citas::api {
namespace {

constexpr std::size_t kDigits = 16;

std::array<unsigned char, 8> big_endian(Position position) {
  std::array<unsigned char, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<unsigned char>(position.value() >> (56 - 8 * i));
  }
  return bytes;
}

std::string digest_of(std::string_view position, Epoch epoch, const EventsFilter& filter) {
  const std::string scope = std::to_string(epoch.value()) + "\n" +
                            (filter.tag ? filter.tag->value() : "") + "\n" +
                            filter.type.value_or("") + "\n" + to_hex(big_endian(filter.first)) +
                            to_hex(big_endian(filter.last));
  return to_hex(sha256({position, "\n", scope})).substr(0, kDigits);
}

}  // namespace

std::string make_event_cursor(Epoch epoch, Position next, const EventsFilter& filter) {
  const std::string position = to_hex(big_endian(next));
  return position + digest_of(position, epoch, filter);
}

std::optional<Position> parse_event_cursor(std::string_view text, Epoch epoch,
                                           const EventsFilter& filter) {
  std::array<unsigned char, 8> bytes;
  if (text.size() != 2 * kDigits || !from_hex(text.substr(0, kDigits), bytes)) return std::nullopt;
  std::uint64_t position = 0;
  for (const unsigned char byte : bytes) position = position << 8 | byte;
  // Also refuses upper case, so that a cursor has one form.
  if (position == 0 || make_event_cursor(epoch, Position{position}, filter) != text)
    return std::nullopt;
  return Position{position};
}

}  // namespace citas::api

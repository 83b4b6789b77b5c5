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

std::string digest_of(std::string_view position, Epoch epoch, std::string_view scope) {
  return to_hex(sha256({position, "\n", std::to_string(epoch.value()), "\n", scope}))
      .substr(0, kDigits);
}

std::string scope_of(const EventsFilter& filter) {
  return (filter.tag ? filter.tag->value() : "") + "\n" + filter.type.value_or("") + "\n" +
         to_hex(big_endian(filter.first)) + to_hex(big_endian(filter.last));
}

}  // namespace

std::string make_position_cursor(Epoch epoch, Position next, std::string_view scope) {
  const std::string position = to_hex(big_endian(next));
  return position + digest_of(position, epoch, scope);
}

std::optional<Position> parse_position_cursor(std::string_view text, Epoch epoch,
                                              std::string_view scope) {
  std::array<unsigned char, 8> bytes;
  if (text.size() != 2 * kDigits || !from_hex(text.substr(0, kDigits), bytes)) return std::nullopt;
  std::uint64_t position = 0;
  for (const unsigned char byte : bytes) position = position << 8 | byte;
  // Also refuses upper case, so that a cursor has one form.
  const bool is_ours =
      position > 0 && make_position_cursor(epoch, Position{position}, scope) == text;
  return is_ours ? std::optional(Position{position}) : std::nullopt;
}

std::string make_event_cursor(Epoch epoch, Position next, const EventsFilter& filter) {
  return make_position_cursor(epoch, next, scope_of(filter));
}

std::optional<Position> parse_event_cursor(std::string_view text, Epoch epoch,
                                           const EventsFilter& filter) {
  return parse_position_cursor(text, epoch, scope_of(filter));
}

}  // namespace citas::api

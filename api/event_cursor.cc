#include "api/event_cursor.h"

#include <array>
#include <bit>

#include "events/base/big_endian.h"
#include "events/base/hex.h"
#include "events/base/sha256.h"

namespace citas::api {
namespace {

constexpr std::size_t kDigits = 16;

using PositionBytes = std::array<unsigned char, sizeof(Position)>;

std::string hex_of(Position position) {
  return to_hex(std::bit_cast<PositionBytes>(to_big_endian(position.value())));
}

std::string digest_of(std::string_view position, Epoch epoch, std::string_view scope) {
  return to_hex(sha256({position, "\n", std::to_string(epoch.value()), "\n", scope}))
      .substr(0, kDigits);
}

std::string scope_of(const EventsFilter& filter) {
  return (filter.tag ? filter.tag->value() : "") + "\n" + filter.type.value_or("") + "\n" +
         hex_of(filter.first) + hex_of(filter.last);
}

}  // namespace

std::string make_position_cursor(Epoch epoch, Position next, std::string_view scope) {
  const std::string position = hex_of(next);
  return position + digest_of(position, epoch, scope);
}

std::optional<Position> parse_position_cursor(std::string_view text, Epoch epoch,
                                              std::string_view scope) {
  PositionBytes bytes;
  if (text.size() != 2 * kDigits || !from_hex(text.substr(0, kDigits), bytes)) return std::nullopt;
  const Position next{to_big_endian(std::bit_cast<std::uint64_t>(bytes))};
  // Also refuses upper case, so that a cursor has one form.
  const bool is_ours = next > Position{0} && make_position_cursor(epoch, next, scope) == text;
  return is_ours ? std::optional(next) : std::nullopt;
}

std::string make_event_cursor(Epoch epoch, Position next, const EventsFilter& filter) {
  return make_position_cursor(epoch, next, scope_of(filter));
}

std::optional<Position> parse_event_cursor(std::string_view text, Epoch epoch,
                                           const EventsFilter& filter) {
  return parse_position_cursor(text, epoch, scope_of(filter));
}

}  // namespace citas::api

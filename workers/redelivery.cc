#include "workers/redelivery.h"

namespace citas::workers {
namespace {

constexpr char kSeparator = '/';
constexpr char kRetry = 'r';

// The part before the next separator, which is removed with it.
std::string_view take_part(std::string_view& id) {
  const std::size_t end = id.find(kSeparator);
  const std::string_view part = id.substr(0, end);
  id = end == std::string_view::npos ? std::string_view{} : id.substr(end + 1);
  return part;
}

}  // namespace

std::string redelivery_id(std::string_view event, Position retry, std::uint32_t attempt) {
  return tries_key({std::string(event), retry}) + kSeparator + std::to_string(attempt);
}

Sending parse_sending(std::string_view message_id) {
  Sending sending{std::string(take_part(message_id))};
  const std::string_view second = take_part(message_id);
  if (!second.starts_with(kRetry)) return sending;
  sending.retry = parse_position(second.substr(1)).value_or(Position{0});
  return sending;
}

std::string tries_key(const Sending& sending) {
  if (sending.retry == Position{0}) return sending.event;
  return sending.event + kSeparator + kRetry + std::to_string(sending.retry.value());
}

}  // namespace citas::workers

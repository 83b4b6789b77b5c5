// Redelivery: how the sendings of one request are told apart on the bus, by their message ids.
//
//   <eventId>                      the relay's
//   <eventId>/<attempt>            the reconciler's, while nobody has answered
//   <eventId>/r<retry>/<attempt>   the same, after the operator's retry at that position of the log
//
// The sendings between two retries share one set of tries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "events/ids.h"

namespace citas::workers {

struct Sending {
  std::string event;             // its id
  Position retry = Position{0};  // 0: before any
};

std::string redelivery_id(std::string_view event, Position retry, std::uint32_t attempt);
// Of any message id: what is not in one of the forms above is an event's id without a retry.
Sending parse_sending(std::string_view message_id);

// What a country's store counts tries by. Empty for an empty id.
std::string tries_key(const Sending& sending);

}  // namespace citas::workers

// One request on its way to its response. Owned by whoever works on it; handed over, never shared.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "api/http/body_budget.h"
#include "api/http/message.h"
#include "api/http/request_reader.h"

namespace citas::api::http {

using Instant = std::chrono::steady_clock::time_point;

struct Exchange {
  Exchange(const Limits& limits, std::shared_ptr<BodyBudget> budget)
      : reader(limits, request), body(std::move(budget)) {}
  Exchange(const Exchange&) = delete;  // `reader` refers to `request`
  Exchange& operator=(const Exchange&) = delete;

  Request request;
  RequestReader reader;
  BodyBudget::Share body;  // that request.body takes
  Instant begun;           // its first byte
  Instant received;        // its last byte

  // What the handler said, where that is not a response.
  std::optional<Park> park;
  Deferred deferred;
  std::optional<Instant> park_deadline;  // of the first time that it was parked
  bool was_woken = false;                // its position was reached, and it was handled again

  // What goes to the client.
  std::string wire;
  PieceProducer stream;  // sent after `wire`, piece by piece
  bool chunked = false;  // how its pieces are framed
  bool close = false;    // after this response
  bool broken = false;   // the stream failed: close without its end
};

}  // namespace citas::api::http

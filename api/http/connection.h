// A client's connection, as the loop that owns it sees it. Small: most connections are idle.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "api/http/exchange.h"
#include "events/base/descriptor.h"

namespace citas::api::http {

// What the connection waits for. Only kHandling and kClosed have no deadline.
enum class Phase : unsigned char {
  kIdle,        // a request
  kHead,        // the rest of a request's head
  kBody,        // the rest of its body
  kHandling,    // a thread of a pool, or whoever holds the Completion; its exchange is away
  kParked,      // Server::advance()
  kWriting,     // the client to take what was written
  kDiscarding,  // the client to close, after a last response
  kClosed,      // being forgotten at the end of the loop's turn
};
constexpr std::size_t kPhases = 8;

constexpr Instant kNever = Instant::max();

struct Connection {
  Descriptor socket;
  Phase phase = Phase::kIdle;
  bool readable = false;        // there may be more to receive
  bool peer_done = false;       // the client will send nothing more
  bool broken = false;          // while its exchange is away: close when that is back
  bool discard = false;         // what still comes in is discarded: the connection closes
  bool waits_for_turn = false;  // has more to read, but had its share of this one
  bool in_flight = false;       // its request is whole and not yet answered
  std::string remote_addr;
  std::unique_ptr<Exchange> exchange;  // while there is a request
  std::string pending;                 // received beyond the current request
  std::size_t sent = 0;                // of exchange->wire
  std::size_t discarded = 0;
  Instant deadline;
  std::list<Connection>::iterator self;
};

// All connections of a loop by phase, each phase by deadline. Not thread-safe.
class ConnectionTable {
 public:
  Connection& add(Connection connection, Instant deadline) {
    auto& idle = of(Phase::kIdle);
    const auto self = idle.insert(idle.end(), std::move(connection));
    self->self = self;
    move(*self, Phase::kIdle, deadline);
    return *self;
  }

  // Deadlines of one phase mostly come in order, so the search from the end is short.
  void move(Connection& connection, Phase phase, Instant deadline) {
    auto& from = of(connection.phase);
    auto& to = of(phase);
    connection.phase = phase;
    connection.deadline = deadline;
    auto next = to.end();
    while (next != to.begin() && deadline < std::prev(next)->deadline) --next;
    if (next != connection.self) to.splice(next, from, connection.self);
  }

  // The next to expire, if that is at or before `now`.
  Connection* first_expired(Instant now) {
    for (auto& phase : phases_) {
      if (!phase.empty() && phase.front().deadline <= now) return &phase.front();
    }
    return nullptr;
  }

  Instant first_deadline() const {
    Instant first = kNever;
    for (const auto& phase : phases_) {
      if (!phase.empty()) first = std::min(first, phase.front().deadline);
    }
    return first;
  }

  // Forgets all; how many those were.
  std::size_t clear() {
    std::size_t cleared = 0;
    for (auto& phase : phases_) {
      cleared += phase.size();
      phase.clear();
    }
    return cleared;
  }

  std::list<Connection>& of(Phase phase) { return phases_[static_cast<std::size_t>(phase)]; }

 private:
  std::array<std::list<Connection>, kPhases> phases_;
};

}  // namespace citas::api::http

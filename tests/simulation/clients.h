// The clients of a simulated world: few, with few slots, so that they get in each other's way. They
// repeat what they have no answer to, as clients should, and remember what they were promised.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/sequencer.h"
#include "tests/simulation/random.h"

namespace citas::simulation {

// A command that was accepted, and the event that its caller was told of.
struct Promise {
  std::string key;  // the client's idempotency key
  EventId event;
  Position position;
};

class Clients {
 public:
  // Borrows random.
  Clients(Random& random, std::vector<CountryCode> countries, std::size_t commands);

  // One client says something, if it has something to say. nullptr: the server is down. `session`
  // numbers the server's lives.
  void act(commands::Sequencer* sequencer, std::uint64_t session);
  // No client says anything new from now on.
  void finish() { left_ = 0; }
  // Whether nobody waits for an answer.
  bool are_done() const;

  const std::vector<Promise>& promises() const { return promises_; }
  // What a client noticed itself; empty when all is well.
  const std::string& complaint() const { return complaint_; }

 private:
  struct Client {
    std::optional<commands::Command> command;  // that it wants answered
    std::string key;
    bool sent = false;
    std::uint64_t session = 0;  // that it was sent in
    std::shared_ptr<std::optional<commands::Outcome>> outcome;
  };

  void think(Client& client);
  void send(Client& client, commands::Sequencer& sequencer, std::uint64_t session);
  void listen(Client& client, std::uint64_t session);
  void remember(const Client& client, const commands::Accepted& accepted);
  commands::CommandData request();
  commands::CommandData cancellation();

  struct Booking {
    AppointmentId appointment;
    InsuredId insured;
  };

  Random& random_;
  const std::vector<CountryCode> countries_;
  std::size_t left_;  // commands to come
  std::size_t keys_ = 0;
  std::vector<Client> clients_;
  std::vector<Booking> bookings_;
  std::vector<Promise> promises_;
  std::vector<commands::Command> kept_;  // of the promises, to be repeated
  std::string complaint_;
};

}  // namespace citas::simulation

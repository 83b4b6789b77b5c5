// FanOut: all pieces behind a log, on one bus and one thread. Dropping it is a crash of the
// process: log, stores and broker live elsewhere.
#pragma once

#include <map>
#include <memory>

#include "tests/unit/workers/log_world.h"
#include "workers/confirmation_consumer.h"
#include "workers/country_processor.h"
#include "workers/dead_letter_recorder.h"
#include "workers/reconciler.h"
#include "workers/relay.h"

namespace citas::workers {

struct Country {
  CountryStore* store;
  const CountryRules* rules;
};

class FanOut {
 public:
  // Borrows all. `clock` is the bus's: the world's own, or the system's.
  FanOut(LogWorld& world, Bus& bus, const Clock& clock, Wakeup& wakeup,
         const std::map<CountryCode, Country>& countries);

  // Steps every piece and the sequencer once. True when anything was done.
  bool step();
  // Steps only the piece with that number, in the order of the flow.
  bool step_piece(std::size_t index);
  std::size_t pieces() const { return pieces_.size(); }

  Relay& relay() { return *relay_; }
  CountryProcessor& processor(CountryCode country) { return *processors_.at(country); }
  ConfirmationConsumer& confirmations() { return *confirmations_; }
  DeadLetterRecorder& recorder() { return *recorder_; }
  Reconciler& reconciler() { return *reconciler_; }

 private:
  LogWorld& world_;
  std::unique_ptr<Relay> relay_;
  std::map<CountryCode, std::unique_ptr<CountryProcessor>> processors_;
  std::unique_ptr<ConfirmationConsumer> confirmations_;
  std::unique_ptr<DeadLetterRecorder> recorder_;
  std::unique_ptr<Reconciler> reconciler_;
  std::vector<Piece*> pieces_;
};

}  // namespace citas::workers

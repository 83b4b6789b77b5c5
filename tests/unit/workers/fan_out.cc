#include "tests/unit/workers/fan_out.h"

#include "events/base/check.h"

namespace citas::workers {

FanOut::FanOut(LogWorld& world, Bus& bus, const Clock& clock, Wakeup& wakeup,
               const std::map<CountryCode, Country>& countries)
    : world_(world) {
  relay_ = std::move(*Relay::open(world.log, bus, clock, {}));
  pieces_.push_back(relay_.get());
  for (const auto& [code, country] : countries) {
    auto processor = CountryProcessor::open(code, bus, *country.rules, world.codec, clock, {});
    (*processor)->begin(*country.store);
    pieces_.push_back(processor->get());
    processors_.emplace(code, std::move(*processor));
  }
  confirmations_ = std::move(*ConfirmationConsumer::open(bus, world.sequencer, clock, wakeup));
  recorder_ = std::move(*DeadLetterRecorder::open(bus, world.sequencer, clock, wakeup));
  reconciler_ = std::move(*Reconciler::open(world.log, world.pending, bus, world.clock, {}));
  pieces_.insert(pieces_.end(), {confirmations_.get(), recorder_.get(), reconciler_.get()});
}

bool FanOut::step() {
  bool worked = false;
  for (std::size_t i = 0; i < pieces_.size(); ++i) worked |= step_piece(i);
  return worked;
}

bool FanOut::step_piece(std::size_t index) {
  const auto stepped = pieces_[index]->step();
  CHECK(stepped.has_value());
  const bool commands = world_.sequencer.stats().queue_depth > 0;
  world_.step_sequencer();
  return *stepped || commands;
}

}  // namespace citas::workers

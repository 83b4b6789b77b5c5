// The processes of a simulated world: the server, and one worker for each country. Dropping one is
// its crash. Everything durable lives elsewhere.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "commands/sequencer.h"
#include "events/codec.h"
#include "ops/citas/pending_from_projection.h"
#include "projections/engine.h"
#include "projections/memory/memory_generations.h"
#include "tests/simulation/simulated_bus.h"
#include "tests/simulation/simulated_disk.h"
#include "workers/confirmation_consumer.h"
#include "workers/country_rules.h"
#include "workers/dead_letter_recorder.h"
#include "workers/processor_keeper.h"
#include "workers/reconciler.h"
#include "workers/relay.h"

namespace citas::simulation {

inline constexpr std::uint32_t kMaxTries = 3;

// What all processes of a world share.
struct Surroundings {
  const Clock& clock;
  IdSource& ids;
  const Codec& codec;
  MemoryBroker& broker;
  Random& random;
  Adversary& adversary;
};

class Process {
 public:
  virtual ~Process() = default;
  virtual std::size_t parts() const = 0;
  // Steps one part. True when something was done. Throws Crash when the process dies.
  virtual bool step(std::size_t part) = 0;
  virtual void cut_connections() = 0;
};

class Server final : public Process {
 public:
  // Opens the log as after a start: everything on its disk is committed.
  Server(const Surroundings& around, MemoryEventLog& disk, projections::MemoryGenerations& models,
         const std::set<CountryCode>& countries, Fuse& fuse);

  std::size_t parts() const override { return 5 + models_.size(); }
  bool step(std::size_t part) override;
  void cut_connections() override;

  commands::Sequencer& sequencer() { return sequencer_; }
  projections::ProjectionEngine& engine() { return *engine_; }
  std::uint64_t published() const { return relay_->stats().published; }

 private:
  bool step_sequencer();
  bool step_piece(workers::Piece& piece);

  Adversary& adversary_;
  SimulatedLog log_;
  SimulatedBus publishing_;
  SimulatedBus recording_;
  workers::Wakeup wakeup_;
  std::unique_ptr<projections::ProjectionEngine> engine_;
  const std::vector<std::string> models_;
  ops::PendingFromProjection pending_;
  commands::Sequencer sequencer_;
  std::unique_ptr<workers::Relay> relay_;
  std::unique_ptr<workers::Reconciler> reconciler_;
  std::unique_ptr<workers::ConfirmationConsumer> confirmations_;
  std::unique_ptr<workers::DeadLetterRecorder> recorder_;
};

class Worker final : public Process {
 public:
  Worker(const Surroundings& around, CountryCode country, CountryDisk& disk,
         const workers::CountryRules& rules, Fuse& fuse);

  std::size_t parts() const override { return 1; }
  bool step(std::size_t part) override;
  void cut_connections() override { bus_.cut(); }

 private:
  SimulatedStoreHome home_;
  SimulatedBus bus_;
  std::unique_ptr<workers::ProcessorKeeper> keeper_;
};

}  // namespace citas::simulation

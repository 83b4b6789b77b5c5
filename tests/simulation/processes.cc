#include "tests/simulation/processes.h"

#include "events/base/check.h"
#include "projections/all_projections.h"

namespace citas::simulation {
namespace {

template <typename T>
T opened(Result<T> result) {
  CHECK(result.has_value());
  return std::move(*result);
}

// Small, so that a run of a few dozen commands reaches every limit.
const workers::RelayOptions kRelay{.window = 8, .max_batch = 4};
const workers::ProcessorOptions kProcessor{.max_batch = 4, .max_tries = kMaxTries};

commands::SequencerOptions sequencer_options(const std::set<CountryCode>& countries) {
  return {.countries = countries, .max_queue = 16, .max_batch = 4, .max_cached_states = 4};
}

}  // namespace

Server::Server(const Surroundings& around, MemoryEventLog& disk,
               projections::MemoryGenerations& models, const std::set<CountryCode>& countries,
               Fuse& fuse)
    : adversary_(around.adversary),
      log_(disk, fuse, around.adversary),
      publishing_(around.broker, around.clock, around.random, around.adversary, fuse),
      recording_(around.broker, around.clock, around.random, around.adversary, fuse),
      engine_(opened(projections::ProjectionEngine::open(log_, around.codec, around.clock, models,
                                                         projections::all_projections(),
                                                         {.max_batch = 8}))),
      models_(engine_->names()),
      pending_(engine_->live(projections::PendingAppointments::kName)),
      sequencer_(log_, around.codec, around.clock, around.ids, sequencer_options(countries)),
      relay_(opened(workers::Relay::open(log_, publishing_, around.clock, kRelay))),
      reconciler_(opened(workers::Reconciler::open(log_, pending_, publishing_, around.clock, {}))),
      confirmations_(opened(
          workers::ConfirmationConsumer::open(recording_, sequencer_, around.clock, wakeup_))),
      recorder_(opened(
          workers::DeadLetterRecorder::open(recording_, sequencer_, around.clock, wakeup_))) {}

bool Server::step(std::size_t part) {
  switch (part) {
    case 0:
      return step_sequencer();
    case 1:
      return step_piece(*relay_);
    case 2:
      return step_piece(*reconciler_);
    case 3:
      return step_piece(*confirmations_);
    case 4:
      return step_piece(*recorder_);
    default: {
      const auto applied = engine_->step(models_.at(part - 5));
      CHECK(applied.has_value());
      return *applied > 0;
    }
  }
}

// A log that failed ends the process, and so does the power cut that follows a lie of its disk.
bool Server::step_sequencer() {
  log_.write_held();
  const auto answered = sequencer_.step();
  if (!answered) {
    CHECK(answered.error().code == ErrorCode::kUnknownOutcome);
    adversary_.count(Fault::kStopServer);
    throw Crash{};
  }
  if (log_.has_lied()) throw Crash{};
  return *answered > 0;
}

bool Server::step_piece(workers::Piece& piece) {
  const auto stepped = piece.step();
  CHECK(stepped.has_value());
  return *stepped;
}

void Server::cut_connections() {
  publishing_.cut();
  recording_.cut();
}

Worker::Worker(const Surroundings& around, CountryCode country, CountryDisk& disk,
               const workers::CountryRules& rules, Fuse& fuse)
    : home_(disk, fuse, around.adversary),
      bus_(around.broker, around.clock, around.random, around.adversary, fuse),
      keeper_(opened(workers::ProcessorKeeper::open(country, bus_, home_, rules, around.codec,
                                                    around.clock, kProcessor, {}))) {}

bool Worker::step(std::size_t) {
  const auto stepped = keeper_->step();
  CHECK(stepped.has_value());
  return *stepped;
}

}  // namespace citas::simulation

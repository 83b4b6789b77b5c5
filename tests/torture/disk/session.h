// Ledger: what clients asked and what they were told. Session: one life of the write side, from the
// opening of its log to its end, whatever ends it.
//
// The ledger is outside of what can break: it outlives sessions and their disks.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "commands/sequencer.h"
#include "events/base/clock.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "tests/support/temp_folder.h"
#include "tests/torture/disk/report.h"
#include "tests/torture/disk/simulated_disk.h"

namespace citas::torture {

struct Intent {
  enum class State { kUnknown, kAccepted, kRefused };

  commands::Command command;
  State state = State::kUnknown;
  std::optional<Event> event = std::nullopt;  // that answered it
};

class Ledger {
 public:
  using Random = std::mt19937_64;

  // Adds a new intent of some client: a booking, or the cancellation of one of its bookings.
  std::size_t intend(Random& random);
  // What clients repeat, since they do not know what became of it.
  std::vector<std::size_t> unanswered() const;
  const std::vector<Intent>& intents() const { return intents_; }
  // Throws Defect when the outcome contradicts an earlier one. An error leaves the intent unknown.
  void answered(std::size_t intent, const commands::Outcome& outcome);
  // The highest position that was acknowledged.
  Position acknowledged() const { return acknowledged_; }

 private:
  commands::CommandData invent(Random& random);

  std::vector<Intent> intents_;
  std::vector<std::size_t> live_bookings_;  // intents
  Position acknowledged_{0};
};

// The folders, clock and ids that all sessions of one history share.
struct World {
  explicit World(std::uint64_t seed);

  std::filesystem::path log_folder() const { return folder.path() / "log"; }
  std::shared_ptr<SimulatedDisk> new_disk() const;

  testing::TempFolder folder;  // holds only LOCK: everything else is on simulated disks
  Codec codec;
  ManualClock clock;
  SeededIdSource ids;
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> open(World& world,
                                               const std::shared_ptr<SimulatedDisk>& disk,
                                               Canary canary);
  ~Session();

  // Submits them as one batch and tells the ledger what came of it. An error ends the session.
  Status send(Ledger& ledger, const std::vector<std::size_t>& intents);

  // Whether the log holds everything acknowledged, in one unbroken chain. Throws Defect; an error
  // says that the log could not be read.
  Status check_log(const Ledger& ledger) const;
  // When no outcome is unknown: whether the log holds nothing else, and no slot is held twice.
  Status check_whole(const Ledger& ledger) const;

  const EventLog& log() const { return *log_; }
  // Throws Defect unless the writer, having failed, refuses whatever comes.
  void check_stopped();

 private:
  explicit Session(World& world) : world_(world) {}

  World& world_;
  std::shared_ptr<SimulatedDisk> disk_;  // outlives the log
  std::unique_ptr<RocksDbEventLog> stored_;
  std::unique_ptr<EventLog> decorated_;  // a canary's
  EventLog* log_ = nullptr;
  std::unique_ptr<commands::Sequencer> sequencer_;
};

// Small memtables, so that little data already flushes, rolls and compacts.
LogStorage storage_on(const std::shared_ptr<SimulatedDisk>& disk);

// The canary: a marker that says what the log says, whatever was lost.
void forget_marker(World& world, const std::shared_ptr<SimulatedDisk>& disk);

}  // namespace citas::torture

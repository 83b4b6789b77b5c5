// Sequencer: the only writer of a log. Decides commands one after the other and commits them in
// groups: one synced write for a whole batch.
//
// For each command of a batch: look up its idempotency key, load the state its decision needs,
// decide, and evolve the cached state, so that the next command of the batch sees it. Then append
// once, commit, and only then answer everybody: a rejection may rest on an event of the batch.
//
// Invariants kept here (all tested): nothing is acknowledged before it is durable; one live
// appointment per slot; the same key gives the first outcome for ever; a failed append is final.
//
// submit() is thread-safe and never blocks. step() belongs to one thread: SequencerThread's, or a
// test's. Owns no thread, clock or random source.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "commands/command.h"
#include "commands/idempotency.h"
#include "events/base/clock.h"
#include "events/codec.h"
#include "events/event_log.h"

namespace citas::commands {

struct SequencerOptions {
  std::set<CountryCode> countries;
  std::size_t max_queue = 16'384;           // commands waiting; beyond it submit() is Unavailable
  std::size_t max_batch = 1'024;            // commands decided and committed together
  std::size_t max_cached_states = 100'000;  // slots and appointments kept in memory
};

// Counters since start. Read from any thread.
struct SequencerStats {
  std::uint64_t commands = 0;
  std::uint64_t rejected = 0;
  std::uint64_t replayed = 0;
  std::size_t queue_depth = 0;
};

// What one batch was like, for histograms.
struct BatchObservation {
  std::size_t commands;
  std::size_t events;
  std::chrono::nanoseconds commit_latency;  // of the append, sync included
};

class StateCache;

class Sequencer {
 public:
  // Borrows log, codec, clock and ids; they outlive the sequencer.
  Sequencer(EventLog& log, const Codec& codec, const Clock& clock, IdSource& ids,
            SequencerOptions options);
  ~Sequencer();
  Sequencer(const Sequencer&) = delete;
  Sequencer& operator=(const Sequencer&) = delete;

  // Hands a command over; `done` is called exactly once if, and only if, this returns ok.
  // Unavailable: full, or stopped. A command of a key that is in flight is decided after it.
  Status submit(Command command, Completion done);

  // Decides and commits what is waiting, at most one batch. Returns the commands answered.
  // An Error is fatal: the log refuses further writes, and everyone waiting has been told.
  Result<std::size_t> step();

  // Refuses new commands; those already accepted are still decided by step().
  void stop();

  // For drivers: returns when a command waits, the sequencer has stopped, or `timeout` has passed.
  // True while step() may still have something to do: false only when stopped and empty.
  bool wait_for_work(std::chrono::milliseconds timeout);

  // Whose the log is that commands are appended to.
  const LogIdentity& log_identity() const { return log_.identity(); }
  // How far commands have taken effect.
  Position committed() const { return log_.committed(); }

  SequencerStats stats() const;
  // Asked on the stepping thread before each batch. While it fails, commands are refused with its
  // error, and only repetitions of what is stored are answered. Set before the first step.
  void admit_batches(std::function<Status()> gate) { gate_ = std::move(gate); }
  // Called on the stepping thread after each batch. Set before the first step.
  void observe_batches(std::function<void(const BatchObservation&)> observer);

  // Answers a batch by calling what it is given, on the stepping thread: whoever sends the answers
  // on can do so with all of them at once. Set before the first step.
  void answer_with(std::function<void(const std::function<void()>&)> answering) {
    answering_ = std::move(answering);
  }

  const std::set<CountryCode>& countries() const { return options_.countries; }

 private:
  struct Waiting {
    Command command;
    Completion done;
  };
  class Batch;

  std::vector<Waiting> take_waiting();
  void answer(std::vector<Waiting>& waiting, std::vector<Outcome> outcomes);
  // Stops for good: answers what waits in the queue, and returns the error for the driver.
  Error fail(Error error);

  EventLog& log_;
  const Codec& codec_;
  const Clock& clock_;
  IdSource& ids_;
  const SequencerOptions options_;
  const std::unique_ptr<StateCache> cache_;
  Fingerprinter fingerprint_;
  std::function<Status()> gate_ = [] { return Status{}; };
  std::function<void(const BatchObservation&)> observer_;
  std::function<void(const std::function<void()>&)> answering_ = [](const auto& answer) {
    answer();
  };

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> queue_;  // guarded by mutex_
  bool stopped_ = false;       // guarded by mutex_

  std::atomic<std::uint64_t> commands_{0}, rejected_{0}, replayed_{0};
};

// Steps a sequencer on a thread of its own until it is stopped and empty.
class SequencerThread {
 public:
  // `on_fatal` is called on that thread when the log has failed; it should end the process.
  SequencerThread(Sequencer& sequencer, std::function<void(const Error&)> on_fatal);
  // Stops the sequencer, answers what was accepted, joins.
  ~SequencerThread();
  // Grows at least every kLongestIdle while the thread lives, and stands still while a step hangs.
  // Any thread.
  std::uint64_t beats() const { return beats_; }
  static constexpr std::chrono::milliseconds kLongestIdle{250};

 private:
  Sequencer& sequencer_;
  std::atomic<std::uint64_t> beats_{0};
  std::jthread thread_;
};

// Submits and waits for the answer. UnknownOutcome when `timeout` passes first.
Outcome execute(Sequencer& sequencer, Command command, std::chrono::milliseconds timeout);

}  // namespace citas::commands

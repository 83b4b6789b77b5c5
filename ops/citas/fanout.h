// FanOut: the workers of this process with their connections and threads: relay and reconciler,
// confirmations and dead letters, and one processor for each of its countries.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "commands/sequencer.h"
#include "events/base/clock.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "ops/citas/json_log.h"
#include "workers/confirmation_consumer.h"
#include "workers/counters.h"
#include "workers/country_rules.h"
#include "workers/country_store.h"
#include "workers/dead_letter_recorder.h"
#include "workers/driver.h"
#include "workers/hang_watch.h"
#include "workers/nats/nats_bus.h"
#include "workers/nats/nats_options.h"
#include "workers/pending_appointments.h"
#include "workers/processor_keeper.h"
#include "workers/reconciler.h"
#include "workers/relay.h"
#include "workers/rocksdb/rocksdb_country_store.h"
#include "workers/wakeup.h"

namespace citas::ops {

using OnWorkerFatal = std::function<void(std::string_view piece, const Error&)>;

// How workers and those who run them reach each other.
struct WorkerHooks {
  // A piece failed for good, and the log is in doubt: the process should end.
  OnWorkerFatal on_fatal;
  // A check of a processor's rules has not come back within the limit: only the end of the process
  // ends it.
  OnWorkerFatal on_processor_hangs;
  // A processor waits until its store can be opened again; the others go on.
  workers::ProcessorKeeper::Hooks store = {};
  // A processor's store was of another log, or another future of this one, and is filled again.
  std::function<void(std::string_view piece, const std::string& was, const std::string& is)>
      on_store_emptied = [](std::string_view, const std::string&, const std::string&) {};
  // Asked before each step; while it says no, the bus keeps what comes.
  std::function<bool()> may_step;
  // The streams did not match the log, and are made again from it.
  std::function<void(const std::string& why)> on_streams_replaced = [](const std::string&) {};
  // Whose streams may be deleted for this log's; null: anybody's, of a bus that is nobody else's.
  workers::MayReplace may_replace = {};
  std::chrono::milliseconds check_limit = workers::kDefaultCheckLimit;
};

// Has `hooks` write down what becomes of the stores. Borrows the log.
void note_stores(WorkerHooks& hooks, JsonLog& log);

using RulesByCountry = std::map<CountryCode, workers::ConfiguredRules>;
// The rules in a file; none refuse anything. InvalidArgument, NotFound: names the file.
Result<RulesByCountry> load_country_rules(const std::optional<std::filesystem::path>& file);

// One country's processor: a connection, a store, a thread.
class ProcessorRunner {
 public:
  // Borrows codec and clock. `store` is the folder of the country's store.
  static Result<std::unique_ptr<ProcessorRunner>> start(CountryCode country,
                                                        const workers::NatsOptions& nats,
                                                        const std::filesystem::path& store,
                                                        workers::ConfiguredRules rules,
                                                        const Codec& codec, const Clock& clock,
                                                        const WorkerHooks& hooks);
  ~ProcessorRunner();
  ProcessorRunner(const ProcessorRunner&) = delete;
  ProcessorRunner& operator=(const ProcessorRunner&) = delete;

  // Stops after what is under way. Returns before.
  void request_stop() { thread_->request_stop(); }
  // Joins its thread. What still waits for the bus then is cut off from it.
  void stop_by(std::chrono::steady_clock::time_point deadline);

  CountryCode country() const { return country_; }
  std::string name() const { return "processor-" + std::string(country_.text()); }
  // Why nothing moves; empty when all is well. Any thread.
  std::string trouble() const;
  bool lacks_events() const { return keeper_->lacks_events(); }
  // Why its bus cannot be reached; empty while it can. Any thread.
  std::string bus_trouble() const { return bus_->connected() ? std::string() : bus_->connection(); }
  const workers::ConsumerCounters& counters() const { return keeper_->counters(); }
  // See WorkerThread::beats().
  std::uint64_t beats() const { return thread_->beats(); }

 private:
  ProcessorRunner(CountryCode country, workers::ConfiguredRules rules,
                  const std::filesystem::path& store)
      : country_(country), rules_(std::move(rules)), home_(store, country) {}
  void watch(const WorkerHooks& hooks);

  const CountryCode country_;
  const workers::ConfiguredRules rules_;
  const workers::WatchedRules watched_rules_{rules_};
  workers::RocksDbCountryStoreHome home_;
  workers::Trouble hangs_;
  workers::Wakeup wakeup_;
  std::unique_ptr<workers::NatsBus> bus_;
  std::unique_ptr<workers::ProcessorKeeper> keeper_;
  std::unique_ptr<workers::WorkerThread> thread_;
  std::unique_ptr<workers::HangWatchThread> watch_;
};

// What the fan-out of a server works on. Borrowed.
struct FanOutParts {
  EventLog& log;
  const Codec& codec;
  const Clock& clock;
  commands::Sequencer& sequencer;
  const workers::PendingAppointments& pending;
};

class FanOut {
 public:
  // Adds a commit listener to the log: start it before the first append. FailedPrecondition: the
  // streams of the bus are another log's, and stay so (WorkerHooks::may_replace).
  static Result<std::unique_ptr<FanOut>> start(const FanOutParts& parts,
                                               const workers::NatsOptions& nats,
                                               const std::set<CountryCode>& processors,
                                               const std::filesystem::path& countries_folder,
                                               const RulesByCountry& rules,
                                               const WorkerHooks& hooks);

  // Joins the threads, soon also where the bus does not answer; nothing is lost, the rest is
  // redelivered. Then the sequencer may stop.
  void stop();

  // About once a second: a processor that lacks events cannot ask for them, and the relay sees what
  // is damaged in the middle of a stream only when it reads all of it.
  void tick();

  bool connected() const { return publishing_->bus->connected(); }
  // What is wrong with the bus, or with a worker's place on it; empty when all is well. Any thread.
  std::string trouble() const;
  workers::RelayStats relay_stats() const { return relay_->stats(); }
  std::uint64_t redelivered() const { return reconciler_->redelivered().value(); }
  // By consumer name.
  std::map<std::string, const workers::ConsumerCounters*> counters() const;

 private:
  // A connection and what is stepped on it.
  struct Line {
    workers::Wakeup wakeup;
    std::unique_ptr<workers::NatsBus> bus;
    std::unique_ptr<workers::WorkerThread> thread;
  };
  FanOut() = default;
  static Result<std::unique_ptr<Line>> connect(const workers::NatsOptions& nats);
  Status check_bus(const LogIdentity& log, const WorkerHooks& hooks);
  Status open_pieces(const FanOutParts& parts, const WorkerHooks& hooks);
  WorkerHooks behind_relay(WorkerHooks hooks) const;
  void start_threads(const WorkerHooks& hooks);

  std::unique_ptr<Line> publishing_;  // relay and reconciler
  std::unique_ptr<Line> recording_;   // confirmations and dead letters
  std::unique_ptr<workers::Relay> relay_;
  std::unique_ptr<workers::Reconciler> reconciler_;
  std::unique_ptr<workers::ConfirmationConsumer> confirmations_;
  std::unique_ptr<workers::DeadLetterRecorder> dead_letters_;
  std::vector<std::unique_ptr<ProcessorRunner>> processors_;
};

}  // namespace citas::ops

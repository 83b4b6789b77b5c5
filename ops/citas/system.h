// System: a whole server, put together. The only place that knows every part and its adapter.
//
//   log → sequencer → (commit) → projections → HTTP reads
//                     (commit) → relay → bus → processors → confirmations → sequencer
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "api/application.h"
#include "api/http/server.h"
#include "commands/sequencer.h"
#include "events/commit_signal.h"
#include "events/rocksdb/rocksdb_event_log.h"
#include "ops/citas/backup_watch.h"
#include "ops/citas/bus_disk.h"
#include "ops/citas/fanout.h"
#include "ops/citas/free_space.h"
#include "ops/citas/json_log.h"
#include "ops/citas/metrics.h"
#include "ops/citas/options.h"
#include "ops/citas/projections_admin.h"
#include "projections/appointments/appointments_query.h"
#include "projections/dead_letters/dead_letters_query.h"
#include "projections/driver.h"
#include "projections/engine.h"
#include "projections/pending/pending_appointments.h"
#include "projections/rocksdb/rocksdb_generations.h"
#include "workers/nats/managed_server.h"

namespace citas::ops {

// What happens while a system starts.
struct StartHooks {
  // Told what the start is about to do.
  std::function<void(const std::string&)> on_stage;
  // The log is this process's: before, another server may be using whatever is named to this one.
  std::function<Status()> on_log_held;
};

class System final : public api::HealthPort {
 public:
  // Starts everything; serves when it returns. `on_fatal` may be called on any thread, once the
  // system can no longer keep its promises: the process must end. Errors are one line for the
  // operator, with what to do.
  static Result<std::unique_ptr<System>> start(const ServeOptions& options, JsonLog& log,
                                               std::function<void(const Error&)> on_fatal,
                                               const StartHooks& hooks);
  // Finishes what was accepted, flushes, and stops, in the order in which facts flow.
  ~System() override;

  std::uint16_t port() const { return server_->port(); }
  // About once a second, for what has to end in time.
  void tick();

  std::vector<api::PartHealth> parts() const override;
  // Of the sequencer and each event loop: a count that grows while it lives, idle or not.
  std::vector<std::uint64_t> beats() const;
  // Events that read models lack before all is served; 0: it is ready.
  std::uint64_t left_to_start() const;

 private:
  System(const ServeOptions& options, JsonLog& log, std::function<void(const Error&)> on_fatal);
  Status measure_disk();
  Status open_log();
  void tell_empty_log();
  Status open_projections();
  void make_sequencer();
  Result<workers::NatsOptions> start_bus();
  Status start_fanout();
  Status start_http();
  void watch_disk();
  void see_bus_up(const std::stop_token& stop);
  void follow(const FreeSpaceState& state);
  void follow(const BusDisk& disk);
  void observe(const api::ResponseObservation& response);

  // system_scrape.cc
  void scrape(Metrics& metrics) const;
  void scrape_disk(Metrics& metrics) const;
  void scrape_commands(Metrics& metrics) const;
  void scrape_projections(Metrics& metrics) const;
  void scrape_pending(Metrics& metrics) const;
  void scrape_dead_letters(Metrics& metrics) const;
  void scrape_http(Metrics& metrics) const;
  void scrape_parts(Metrics& metrics) const;
  void scrape_clock(Metrics& metrics) const;
  void scrape_backups(Metrics& metrics) const;
  void scrape_fanout(Metrics& metrics) const;
  void scrape_consumers(Metrics& metrics) const;

  void end_without_folder() const;
  void look_at_writes();
  api::PartHealth log_health() const;
  bool reads_come_first() const;
  workers::MayReplace may_replace() const;
  WorkerHooks worker_hooks();
  std::string bus_trouble() const;
  std::uint64_t unpublished() const;
  std::uint64_t lag_events() const;
  api::PartHealth projections_health() const;
  api::PartHealth dead_letters_health() const;

  const ServeOptions options_;
  JsonLog& json_log_;
  const std::function<void(const Error&)> on_fatal_;
  std::atomic<bool> write_side_failed_{false};

  SystemClock clock_;
  const Clock::Monotonic started_ = clock_.monotonic();
  const FileSystemSpace disk_;
  std::unique_ptr<FreeSpaceWatch> free_space_;
  RandomIdSource ids_{clock_};
  Codec codec_;
  Metrics metrics_;
  CommitSignal committed_;
  std::unique_ptr<RocksDbEventLog> log_;
  bool log_is_new_ = false;  // begun by this server
  std::unique_ptr<projections::RocksDbGenerations> generations_;
  std::unique_ptr<projections::ProjectionEngine> engine_;
  std::unique_ptr<projections::AppointmentsQuery> appointments_;
  std::unique_ptr<projections::DeadLettersQuery> dead_letters_;
  std::unique_ptr<workers::PendingAppointments> pending_;
  std::unique_ptr<commands::Sequencer> sequencer_;
  std::unique_ptr<ProjectionsAdmin> admin_;
  std::unique_ptr<api::Application> application_;
  std::unique_ptr<api::http::Server> server_;
  std::unique_ptr<workers::ManagedServer> managed_bus_;
  std::jthread bus_start_;
  std::unique_ptr<BusDisk> bus_disk_;  // of a managed bus whose disk is not the log's
  std::unique_ptr<FanOut> fanout_;     // null with --nats none
  std::unique_ptr<commands::SequencerThread> sequencer_thread_;
  std::unique_ptr<projections::ProjectionDriver> projection_driver_;
  std::unique_ptr<FreeSpaceThread> free_space_thread_;
  std::unique_ptr<BackupWatch> backup_watch_;  // null without --backups

  // The sequencer's beats, when they were last seen to grow; the ticking thread's.
  std::uint64_t beats_seen_ = 0;
  Clock::Monotonic beat_seen_{};
  int looks_since_beat_ = 0;
  std::atomic<bool> write_is_long_{false};  // as of the last tick
  // As of the last tick, so that readiness need not read the disk.
  std::atomic<std::uint64_t> open_letters_{0};

  // Why a read model's last step failed, and where it stood.
  struct Stuck {
    Position position;
    Error error;
  };
  mutable std::mutex stuck_mutex_;
  std::map<std::string, Stuck> stuck_;  // by name; guarded by stuck_mutex_
};

}  // namespace citas::ops

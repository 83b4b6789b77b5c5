#include "ops/citas/system.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "events/base/thread_name.h"
#include "ops/citas/doctor/host.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/new_log.h"
#include "ops/citas/pending_from_projection.h"
#include "projections/all_projections.h"
#include "projections/appointments/appointments_by_insured.h"

namespace citas::ops {
namespace {

constexpr std::chrono::seconds kDrainTime{10};
constexpr std::chrono::seconds kReadsComeFirst{5};
// A write that takes so long is told. After a sleep of the whole process, a few looks show whether
// it is the write that sleeps.
constexpr std::chrono::seconds kLongWrite{3};
constexpr int kLooksAtAWrite = 3;

// Not where it was asked for what it does not do (501), or in a version that it does not speak
// (505): nobody is to be woken by what any client can send.
bool is_fault_of_server(int status) { return status >= 500 && status != 501 && status != 505; }

}  // namespace

System::System(const ServeOptions& options, JsonLog& log,
               std::function<void(const Error&)> on_fatal)
    : options_(options),
      json_log_(log),
      on_fatal_(std::move(on_fatal)),
      disk_(options.data / "log") {}

Result<std::unique_ptr<System>> System::start(const ServeOptions& options, JsonLog& log,
                                              std::function<void(const Error&)> on_fatal,
                                              const StartHooks& hooks) {
  std::unique_ptr<System> system(new System(options, log, std::move(on_fatal)));
  if (const Status measured = system->measure_disk(); !measured) return failure(measured.error());
  hooks.on_stage("opening the log");
  if (const Status opened = system->open_log(); !opened) return failure(opened.error());
  if (const Status held = hooks.on_log_held(); !held) return failure(held.error());
  hooks.on_stage("opening the read models");
  if (const Status opened = system->open_projections(); !opened) return failure(opened.error());
  system->make_sequencer();
  hooks.on_stage("starting the bus");
  if (const Status started = system->start_fanout(); !started) return failure(started.error());
  if (const Status started = system->start_http(); !started) return failure(started.error());
  system->watch_disk();
  if (options.backups) {
    system->backup_watch_ =
        std::make_unique<BackupWatch>(*options.backups, system->log_->identity());
  }
  system->tell_empty_log();
  return system;
}

System::~System() {
  if (log_) end_without_folder();
  // It steers the others.
  free_space_thread_.reset();
  if (bus_disk_) bus_disk_->stop();
  if (server_) {
    if (!server_->drain(kDrainTime)) json_log_.warning("some connections did not end in time");
    server_->stop();
  }
  bus_start_ = {};
  if (fanout_) fanout_->stop();
  sequencer_thread_.reset();
  projection_driver_.reset();
  admin_.reset();
}

Status System::measure_disk() {
  const auto space = disk_.look();
  if (!space) return failure(space.error());
  const SpaceFloor floor = floor_of(*space, options_.free_space_floor_bytes);
  if (auto room = check_room_to_open(disk_, floor, options_.data / "log"); !room) return room;
  free_space_ = std::make_unique<FreeSpaceWatch>(
      disk_, clock_, floor, [this](const FreeSpaceState& state) { follow(state); });
  return {};
}

Status System::open_log() {
  const Status free = check_may_begin_log(options_.data, options_.existing_log);
  if (!free) return free;
  log_is_new_ = !has_log(options_.data);
  auto opened =
      RocksDbEventLog::open(options_.data / "log", codec_, ids_, RocksDbEventLog::Mode::kWrite);
  if (!opened) return failure(opened.error());
  log_ = *std::move(opened);
  log_->add_commit_listener([this](Position position) { committed_.advance(position); });
  return {};
}

// What a new system and one without its disk have in common. That a log was begun is no news to who
// has just done it; a second start of an empty one is worth a look.
void System::tell_empty_log() {
  if (log_->committed() > Position{0}) return;
  const std::string id = log_->identity().id.value().to_string();
  const std::string place = describe_place(options_.data / "log");
  json_log_.write(
      log_is_new_ ? LogLevel::kInfo : LogLevel::kWarning,
      log_is_new_
          ? "a new, empty log was begun"
          : "the log is empty; if it should not be, stop the server and see what is mounted",
      {{"log_id", std::string_view(id)}, {"place", std::string_view(place)}});
}

Status System::open_projections() {
  generations_ = std::make_unique<projections::RocksDbGenerations>(options_.data / "projections");
  projections::EngineOptions options;
  options.on_discarded = [this](std::string_view name, const Error& why) {
    json_log_.warning("projection does not fit the log and is built again",
                      {{"projection", name}, {"reason", std::string_view(why.message)}});
  };
  auto engine = projections::ProjectionEngine::open(*log_, codec_, clock_, *generations_,
                                                    projections::all_projections(), options);
  if (!engine) return failure(engine.error());
  engine_ = *std::move(engine);
  auto& live = engine_->live(projections::AppointmentsByInsured::kName);
  appointments_ = std::make_unique<projections::AppointmentsQuery>(live, *log_, codec_);
  auto& letters = engine_->live(projections::DeadLetters::kName);
  dead_letters_ = std::make_unique<projections::DeadLettersQuery>(letters, *log_, codec_);
  pending_ = std::make_unique<PendingFromProjection>(
      engine_->live(projections::PendingAppointments::kName));
  const auto tell = [this](api::Feed feed) {
    return [this, feed](Position at) { server_->advance(api::number_of(feed), at.value()); };
  };
  log_->add_commit_listener(tell(api::Feed::kLog));
  live.add_listener(tell(api::Feed::kAppointments));
  letters.add_listener(tell(api::Feed::kDeadLetters));
  admin_ = std::make_unique<ProjectionsAdmin>(*engine_, json_log_, clock_);
  for (const std::string& name : engine_->names()) {
    engine_->live(name).on_damage([this, name](const Error& why) { admin_->mend(name, why); });
  }
  return {};
}

void System::make_sequencer() {
  commands::SequencerOptions options;
  options.countries = options_.countries;
  sequencer_ =
      std::make_unique<commands::Sequencer>(*log_, codec_, clock_, ids_, std::move(options));
  sequencer_->admit_batches([this]() -> Status {
    if (free_space_->has_room()) return {};
    return failure(ErrorCode::kStorageFull, "the disk of the log is nearly full");
  });
  sequencer_->observe_batches(
      [this](const commands::BatchObservation& batch) { metrics_.observe(batch); });
}

Result<workers::NatsOptions> System::start_bus() {
  if (options_.nats != "managed") return workers::NatsOptions{.url = options_.nats};
  workers::ManagedServerOptions options;
  options.directory = options_.data / "bus";
  const bool is_shared = on_one_disk(options.directory, options_.data / "log");
  if (const auto space = FileSystemSpace(options.directory).look(); space) {
    options.max_file_store_bytes = bus_store_bytes(space->capacity_bytes, is_shared);
  }
  options.on_store_deleted = [this] {
    json_log_.warning("the bus cannot read its store any more and is filled again from the log");
  };
  auto begun = workers::ManagedServer::begin(options);
  if (!begun) return failure(begun.error());
  managed_bus_ = *std::move(begun);
  if (!is_shared) {
    bus_disk_ = std::make_unique<BusDisk>(options.directory, clock_,
                                          [this](const BusDisk& disk) { follow(disk); });
  }
  // What it takes the bus to come up grows with what it holds, and clients need not wait for it.
  bus_start_ = std::jthread([this](const std::stop_token& stop) { see_bus_up(stop); });
  return managed_bus_->connection();
}

void System::see_bus_up(const std::stop_token& stop) {
  name_this_thread("bus-start");
  Status up = managed_bus_->wait_until_up(stop);
  if (!up && up.error().code == ErrorCode::kUnavailable && !stop.stop_requested()) {
    // Everything on the bus is a copy of the log: a store that does not start is no loss.
    json_log_.warning("the bus did not start and is set up anew from the log",
                      {{"reason", std::string_view(up.error().message)}});
    managed_bus_->start_over();
    up = managed_bus_->wait_until_up(stop);
  }
  if (up || stop.stop_requested()) return;
  if (up.error().code == ErrorCode::kFailedPrecondition) return on_fatal_(up.error());
  json_log_.error("the bus does not start", {{"reason", std::string_view(up.error().message)}});
}

// Clients wait for the read models to catch up, and the bus has time. Not for ever: one that is
// built from nothing takes long, and one that is broken does not come.
bool System::reads_come_first() const {
  return !engine_->is_serving() && clock_.monotonic() - started_ < kReadsComeFirst;
}

// A managed bus is this folder's alone.
workers::MayReplace System::may_replace() const {
  if (options_.nats == "managed") return {};
  return [replaced = options_.replaces_log](std::string_view source) {
    return replaced && source == LogIdentity{*replaced}.source();
  };
}

WorkerHooks System::worker_hooks() {
  WorkerHooks hooks{
      .on_fatal =
          [this](std::string_view piece, const Error& error) {
            on_fatal_({error.code, std::string(piece) + ": " + error.message});
          },
      // It cannot be ended alone, and all the others go on: /readyz tells.
      .on_processor_hangs =
          [this](std::string_view piece, const Error& error) {
            json_log_.error("processor hangs",
                            {{"piece", piece}, {"reason", std::string_view(error.message)}});
          },
      .may_step =
          [this] {
            return free_space_->has_room() && (!bus_disk_ || bus_disk_->has_room()) &&
                   !reads_come_first();
          },
      .on_streams_replaced =
          [this](const std::string& why) {
            json_log_.warning("the bus is no copy of the log and is filled again from it",
                              {{"reason", std::string_view(why)}});
          },
      .may_replace = may_replace()};
  note_stores(hooks, json_log_);
  return hooks;
}

Status System::start_fanout() {
  const auto rules = load_country_rules(options_.country_rules);
  if (!rules) return failure(rules.error());
  if (options_.nats == "none") return {};
  const auto nats = start_bus();
  if (!nats) return failure(nats.error());
  auto fanout =
      FanOut::start({*log_, codec_, clock_, *sequencer_, *pending_}, *nats, options_.workers,
                    options_.data / "countries", *rules, worker_hooks());
  if (!fanout) return failure(fanout.error());
  fanout_ = *std::move(fanout);
  return {};
}

Status System::start_http() {
  application_ = std::make_unique<api::Application>(
      api::Dependencies{*sequencer_, *log_, codec_, *appointments_, *dead_letters_, clock_, ids_,
                        *this, metrics_, *admin_},
      [this](const api::ResponseObservation& response) { observe(response); });
  metrics_.on_scrape([this](Metrics& metrics) { scrape(metrics); });
  api::http::Options http;
  http.address = options_.listen.host;
  http.port = options_.listen.port;
  server_ = std::make_unique<api::http::Server>(*application_, http);
  sequencer_->answer_with([this](const auto& answer) { server_->answer_together(answer); });
  sequencer_thread_ =
      std::make_unique<commands::SequencerThread>(*sequencer_, [this](const Error& error) {
        write_side_failed_ = true;
        end_without_folder();
        on_fatal_(error);
      });
  projection_driver_ = std::make_unique<projections::ProjectionDriver>(
      *engine_, committed_, [this](std::string_view name, const Error& error) {
        json_log_.error("projection step failed",
                        {{"projection", name}, {"reason", std::string_view(error.message)}});
        if (error.code == ErrorCode::kCorruption) admin_->mend(std::string(name), error);
        const std::lock_guard lock(stuck_mutex_);
        stuck_.insert_or_assign(std::string(name), Stuck{engine_->live(name).position(), error});
      });
  return server_->start();
}

void System::watch_disk() { free_space_thread_ = std::make_unique<FreeSpaceThread>(*free_space_); }

void System::follow(const FreeSpaceState& state) {
  const bool ample = state.level == SpaceLevel::kAmple;
  admin_->allow_rebuilds(ample);
  // A nats-server that has met a full disk keeps its streams shut until it is started again.
  if (ample && managed_bus_) managed_bus_->restart();
  projection_driver_->pause(state.level == SpaceLevel::kReserve);
  if (ample) {
    json_log_.info("the disk has room again; writes go on");
  } else {
    json_log_.error("the disk is nearly full",
                    {{"reason", std::string_view(describe(state, options_.data / "log"))}});
  }
}

void System::follow(const BusDisk& disk) {
  if (!disk.is_ample()) {
    json_log_.error("the bus's disk is nearly full",
                    {{"reason", std::string_view(disk.trouble())}});
    return;
  }
  json_log_.info("the bus's disk has room again; the bus is started again");
  managed_bus_->restart();
}

std::string System::bus_trouble() const {
  if (!fanout_) return "switched off by --nats none";
  std::string all = bus_disk_ ? bus_disk_->trouble() : std::string();
  const std::string trouble = fanout_->trouble();
  if (!all.empty() && !trouble.empty()) all += "; ";
  return all + trouble;
}

void System::observe(const api::ResponseObservation& response) {
  metrics_.observe(response);
  if (response.broke_off) {
    json_log_.error("an answer broke off", {{"route", response.route},
                                            {"request_id", response.request_id},
                                            {"trace_id", response.trace_id},
                                            {"reason", response.cause}});
    return;
  }
  if (options_.access_log == AccessLog::kNone) return;
  const bool is_ours = is_fault_of_server(response.status);
  if (options_.access_log == AccessLog::kErrors && !is_ours) return;
  json_log_.write(
      is_ours ? LogLevel::kError : LogLevel::kInfo, "request",
      {{"method", response.method},
       {"route", response.route},
       {"status", std::int64_t{response.status}},
       {"duration_us",
        std::chrono::duration_cast<std::chrono::microseconds>(response.duration).count()},
       {"request_id", response.request_id},
       {"trace_id", response.trace_id},
       {"position", response.position},
       {"reason", response.cause}});
}

std::vector<api::PartHealth> System::parts() const {
  using api::Health;
  std::vector<api::PartHealth> all;
  all.push_back(log_health());
  const FreeSpaceState space = free_space_->state();
  const std::string full = describe(space, options_.data / "log");
  all.push_back(full.empty()
                    ? api::PartHealth{"disk", Health::kOk, describe_room(space.space, space.floor)}
                    : api::PartHealth{"disk", Health::kDegraded, full});
  all.push_back(projections_health());
  const std::string trouble = bus_trouble();
  all.push_back(trouble.empty() ? api::PartHealth{"bus", Health::kOk,
                                                  "connected; " + std::to_string(unpublished()) +
                                                      " events wait to be published"}
                                : api::PartHealth{"bus", Health::kDegraded, trouble});
  all.push_back(dead_letters_health());
  return all;
}

api::PartHealth System::log_health() const {
  if (write_side_failed_) {
    return {"log", api::Health::kUnavailable, "a write failed; stopping"};
  }
  if (write_is_long_) {
    return {"log", api::Health::kDegraded,
            "a write has not come back for seconds: its disk is slow, or does not answer; see "
            "ops/runbooks/disk-dying.md"};
  }
  return {"log", api::Health::kOk, "ends at position " + std::to_string(log_->committed().value())};
}

std::uint64_t System::unpublished() const {
  return fanout_ ? fanout_->relay_stats().lag_events : 0;
}

// Never more than degraded: everybody else is served as ever.
api::PartHealth System::dead_letters_health() const {
  const std::uint64_t open = open_letters_;
  if (open == 0) return {"dead-letters", api::Health::kOk, "none waits for a decision"};
  return {"dead-letters", api::Health::kDegraded,
          std::to_string(open) + (open == 1 ? " waits" : " wait") +
              " for a decision: citas deadletters list, see ops/runbooks/poison-messages.md"};
}

// Stores that are closed tidy up by name, in what may be another server's folder by now. So this is
// no end in order: it is as after a kill, and what was acknowledged is on disk.
void System::end_without_folder() const {
  const Status placed = log_->check_in_place();
  if (placed) return;
  JsonLog::last_words("fatal", {{"reason", std::string_view(placed.error().message)}});
  std::_Exit(exit_code_of(placed.error()));
}

// The sequencer's thread moves even when it has nothing to do.
void System::look_at_writes() {
  const auto now = clock_.monotonic();
  const std::uint64_t beats = sequencer_thread_->beats();
  if (std::exchange(beats_seen_, beats) != beats) {
    beat_seen_ = now;
    looks_since_beat_ = 0;
  }
  write_is_long_ = ++looks_since_beat_ > kLooksAtAWrite && now - beat_seen_ >= kLongWrite;
}

void System::tick() {
  end_without_folder();
  look_at_writes();
  application_->expire_writes();
  if (fanout_) fanout_->tick();
  // A read model that cannot be read says so elsewhere.
  if (const auto letters = dead_letters_->summary(kDefaultTenant)) {
    open_letters_ = letters->count[static_cast<std::size_t>(projections::LetterState::kOpen)];
  }
}

std::vector<std::uint64_t> System::beats() const {
  std::vector<std::uint64_t> all = server_->turns();
  all.push_back(sequencer_thread_->beats());
  return all;
}

std::uint64_t System::left_to_start() const {
  const auto all = parts();
  const bool serves = std::ranges::none_of(
      all, [](const auto& part) { return part.health == api::Health::kUnavailable; });
  if (serves) return 0;
  std::uint64_t left = 1;
  for (const auto& status : engine_->status()) left = std::max(left, status.lag_events);
  return left;
}

// One that stands still shows what was true once: it is not ready. Where only room is missing, that
// is the disk's trouble, and reads go on.
api::PartHealth System::projections_health() const {
  using api::Health;
  api::PartHealth health{"projections", Health::kOk, ""};
  if (!engine_->is_serving()) {
    health = {"projections", Health::kUnavailable, "catching up with the log"};
  }
  const std::lock_guard lock(stuck_mutex_);
  for (const auto& [name, stuck] : stuck_) {
    if (engine_->live(name).position() > stuck.position) continue;
    const bool is_full = stuck.error.code == ErrorCode::kStorageFull;
    health.health = std::max(health.health, is_full ? Health::kDegraded : Health::kUnavailable);
    health.reason += (health.reason.empty() ? "" : "; ") + name + " stands still at position " +
                     std::to_string(stuck.position.value()) + ": " + stuck.error.message +
                     "; if it stays so, restart the server, see ops/runbooks/disk-dying.md";
  }
  if (health.reason.empty()) {
    health.reason = "all serve, at most " + std::to_string(lag_events()) + " events behind the log";
  }
  return health;
}

// By positions alone: what engine_->status() says besides is read from the disk.
std::uint64_t System::lag_events() const {
  const std::uint64_t committed = log_->committed().value();
  std::uint64_t most = 0;
  for (const std::string& name : engine_->names()) {
    const std::uint64_t reached = engine_->live(name).position().value();
    most = std::max(most, committed > reached ? committed - reached : 0);
  }
  return most;
}

}  // namespace citas::ops

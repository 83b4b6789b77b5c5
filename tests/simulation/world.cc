#include "tests/simulation/world.h"

#include "workers/topology.h"

namespace citas::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Timestamp kStart{std::chrono::hours{24} * 365 * 56};
constexpr std::size_t kMaxCopies = 3;
constexpr std::uint64_t kTurns = 150;      // of a run, at least
constexpr std::uint64_t kMoreTurns = 250;  // at most so many more
constexpr std::size_t kCommands = 8;
constexpr std::size_t kMoreCommands = 16;
constexpr std::size_t kStepsAtOnce = 6;
constexpr std::size_t kRounds = 10'000;  // without time passing; a world that needs more is stuck
// Longer than the bus drops duplicates and the reconciler pauses, together and several times.
constexpr seconds kPatience{30 * 60};

const CountryCode kPeru = *CountryCode::parse("PE");
const CountryCode kChile = *CountryCode::parse("CL");

}  // namespace

World::World(std::uint64_t seed, Trace trace, Canary canary)
    : random_(seed),
      trace_(std::move(trace)),
      adversary_(random_, canary),
      clock_(kStart),
      ids_(clock_, random_.next()),
      log_({.id = LogId{ids_.next()}, .partition = "main"}),
      broker_(clock_),
      around_{clock_, ids_, codec_, broker_, random_, adversary_},
      models_(std::make_unique<projections::MemoryGenerations>()),
      clients_(random_, {kPeru, kChile}, kCommands + random_.below(kMoreCommands)) {
  for (const CountryCode code : {kPeru, kChile}) {
    countries_.push_back({.code = code, .disk = {}, .fuse = {}, .worker = {}, .copies = {}});
  }
}

Verdict World::run() {
  for (std::size_t i = 0; i < processes(); ++i) start(i);
  const std::uint64_t turns = kTurns + random_.below(kMoreTurns);
  for (std::uint64_t i = 0; i < turns; ++i) turn();
  calm_down();
  const auto deadline = clock_.monotonic() + kPatience;
  do {
    settle();
    verdict_.violation = judge();
    advance(milliseconds{250});
  } while (!verdict_.violation.empty() && clock_.monotonic() < deadline);
  verdict_.faults = adversary_.counts();
  verdict_.events = log_.head().position.value();
  verdict_.time = std::chrono::duration_cast<milliseconds>(clock_.monotonic().time_since_epoch());
  const Sha256 hash = log_.head().hash;
  for (const unsigned char byte : hash) note("hash", byte);
  note(verdict_.violation);
  return verdict_;
}

void World::turn() {
  inject_faults();
  start_something();
  const std::uint64_t choice = random_.below(100);
  if (choice < 60) return step_something();
  if (choice < 80) return clients_.act(server_ ? &server_->sequencer() : nullptr, session_);
  advance(milliseconds{choice < 98 ? random_.below(200) : random_.below(20'000)});
}

void World::step_something() {
  const std::size_t chosen = random_.below(processes());
  for (std::uint64_t left = 1 + random_.below(kStepsAtOnce); left > 0; --left) {
    Process* process = this->process(chosen);
    if (process == nullptr) return;
    step(chosen, random_.below(process->parts()));
  }
}

void World::start_something() {
  for (std::size_t i = 0; i < processes(); ++i) {
    if (process(i) == nullptr && random_.chance(150)) start(i);
  }
  if (!broker_.up() && random_.chance(100)) {
    note("bus up");
    broker_.set_up(true);
  }
}

Process* World::process(std::size_t index) {
  if (index == 0) return server_.get();
  return countries_[index - 1].worker.get();
}

bool World::step(std::size_t process, std::size_t part) {
  try {
    const bool worked = this->process(process)->step(part);
    note(worked ? "worked" : "idle", 16 * process + part);
    return worked;
  } catch (const Crash&) {
    note("died in a step", process);
    adversary_.count(Fault::kDieInAStep);
    drop(process);
    return true;
  }
}

void World::start(std::size_t process) {
  note("start", process);
  if (process == 0) {
    ++session_;
    log_.commit(log_.head().position);
    server_ = std::make_unique<Server>(around_, log_, *models_,
                                       std::set<CountryCode>{kPeru, kChile}, server_fuse_);
    return;
  }
  Country& country = countries_[process - 1];
  country.worker =
      std::make_unique<Worker>(around_, country.code, country.disk, rules_, country.fuse);
}

void World::drop(std::size_t process) {
  if (process == 0) {
    server_fuse_.put_out();
    server_.reset();
    return;
  }
  countries_[process - 1].fuse.put_out();
  countries_[process - 1].worker.reset();
}

void World::crash(std::size_t process) {
  if (this->process(process) == nullptr) return;
  note("crash", process);
  ++crashes_;
  drop(process);
}

void World::inject_faults() {
  const std::size_t victim = random_.below(processes());
  const auto strikes = [&](Fault fault) {
    return process(victim) != nullptr && adversary_.strikes(fault);
  };
  if (strikes(Fault::kCrash)) crash(victim);
  if (strikes(Fault::kLightFuse)) {
    note("light a fuse", victim);
    ++crashes_;
    (victim == 0 ? server_fuse_ : countries_[victim - 1].fuse).light(random_.below(30));
  }
  if (strikes(Fault::kCutConnection)) {
    note("cut", victim);
    process(victim)->cut_connections();
  }
  if (adversary_.strikes(Fault::kCutPower)) cut_power();
  if (adversary_.strikes(Fault::kLoseProjections)) {
    crash(0);
    models_ = std::make_unique<projections::MemoryGenerations>();
  }
  take_copies();
  inject_bus_faults();
  inject_store_faults();
}

void World::inject_bus_faults() {
  if (broker_.up() && adversary_.strikes(Fault::kStopBus)) {
    note("bus down");
    broker_.set_up(false);
  }
  if (adversary_.strikes(Fault::kWipeBus)) {
    note("bus wiped");
    broker_.wipe();
  }
  if (!copies_of_bus_.empty() && adversary_.strikes(Fault::kSetBackBus)) set_back_bus();
  if (adversary_.strikes(Fault::kTruncateStream)) {
    const auto specs = workers::stream_specs();
    const auto& stream = specs[random_.below(specs.size())].name;
    const auto info = broker_.stream_info(stream);
    note("stream truncated");
    if (info) broker_.roll_back(stream, random_.below(info->last_sequence + 1));
  }
}

void World::inject_store_faults() {
  const std::size_t victim = random_.below(countries_.size());
  Country& country = countries_[victim];
  if (adversary_.strikes(Fault::kWipeStore)) {
    note("store wiped", victim);
    crash(1 + victim);
    country.disk.replace({});
  }
  if (!country.copies.empty() && adversary_.strikes(Fault::kSetBackStore)) {
    note("store set back", victim);
    crash(1 + victim);
    country.disk.replace(country.copies[random_.below(country.copies.size())]);
  }
}

void World::take_copies() {
  const bool bus_needs = adversary_.may(Fault::kSetBackBus) || adversary_.may(Fault::kCutPower);
  if (bus_needs && random_.chance(25)) {
    if (copies_of_bus_.size() == kMaxCopies) copies_of_bus_.erase(copies_of_bus_.begin());
    copies_of_bus_.push_back(broker_.copy());
  }
  if (!adversary_.may(Fault::kSetBackStore) || !random_.chance(40)) return;
  Country& country = countries_[random_.below(countries_.size())];
  if (country.copies.size() == kMaxCopies) country.copies.erase(country.copies.begin());
  country.copies.push_back(country.disk.content());
}

void World::cut_power() {
  note("power cut");
  for (std::size_t i = 0; i < processes(); ++i) crash(i);
  for (Country& country : countries_) country.disk.cut_power(random_);
  set_back_bus();
}

void World::set_back_bus() {
  if (copies_of_bus_.empty()) return;
  note("bus set back");
  broker_.restore(copies_of_bus_[random_.below(copies_of_bus_.size())]);
}

void World::advance(milliseconds by) {
  note("time", static_cast<std::uint64_t>(by.count()));
  clock_.advance(by);
}

void World::calm_down() {
  note("calm");
  adversary_.stop();
  clients_.finish();
  server_fuse_.put_out();
  for (Country& country : countries_) country.fuse.put_out();
  broker_.set_up(true);
}

void World::settle() {
  for (std::size_t i = 0; i < kRounds && step_everything(); ++i) {
  }
}

bool World::step_everything() {
  bool worked = false;
  for (std::size_t i = 0; i < processes(); ++i) {
    if (process(i) == nullptr) start(i);
    for (std::size_t part = 0; process(i) != nullptr && part < process(i)->parts(); ++part) {
      worked |= step(i, part);
    }
  }
  const bool was_done = clients_.are_done();
  if (!was_done) clients_.act(server_ ? &server_->sequencer() : nullptr, session_);
  return worked || !was_done;
}

std::string World::judge() {
  if (log_.head().position != history_ends_) history_ = read_history(log_, codec_);
  history_ends_ = log_.head().position;
  if (server_ == nullptr) return "the server is down";
  std::map<CountryCode, const workers::MemoryCountryStore*> stores;
  for (const Country& country : countries_) stores[country.code] = &country.disk.content();
  return find_violation({log_, codec_, clock_, broker_, stores, server_->engine(), clients_,
                         server_->published(), crashes_},
                        history_);
}

// FNV-1a, over everything that is decided and everything that comes of it.
void World::note(std::string_view what, std::uint64_t number) {
  const auto mix = [&](std::uint64_t value) {
    verdict_.digest = (verdict_.digest ^ value) * 0x100'0000'01B3;
  };
  for (const char c : what) mix(static_cast<unsigned char>(c));
  mix(number);
  if (trace_) trace_(std::string(what) + " " + std::to_string(number));
}

}  // namespace citas::simulation

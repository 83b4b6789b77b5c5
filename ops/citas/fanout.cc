#include "ops/citas/fanout.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace citas::ops {
namespace {

// Steps take milliseconds. One that takes longer waits for a bus that does not answer, and would do
// so for seconds, several times in turn.
constexpr std::chrono::seconds kStopPatience{1};
// For a bus to be reached. Whose it is, is better found out before anything is promised.
constexpr std::chrono::seconds kFirstLookPatience{1};
constexpr std::chrono::milliseconds kNap{20};

void join(std::unique_ptr<workers::WorkerThread>& thread, workers::NatsBus& bus,
          std::chrono::steady_clock::time_point deadline) {
  if (!thread->ends_by(deadline)) bus.interrupt();
  thread.reset();
}

}  // namespace

Result<RulesByCountry> load_country_rules(const std::optional<std::filesystem::path>& file) {
  if (!file) return RulesByCountry{};
  std::ifstream in(*file, std::ios::binary);
  std::ostringstream json;
  json << in.rdbuf();  // a folder can be opened, but not be read
  if (!in.is_open() || json.bad()) {
    return failure(ErrorCode::kInvalidArgument, "--country-rules: cannot read " + file->string());
  }
  auto rules = workers::parse_country_rules(json.str());
  if (!rules) {
    return failure(ErrorCode::kInvalidArgument, file->string() + ": " + rules.error().message);
  }
  return rules;
}

void note_stores(WorkerHooks& hooks, JsonLog& log) {
  hooks.store.on_store_lost = [&log](std::string_view piece, const Error& error) {
    log.error("a country's store has failed and will be opened again",
              {{"piece", piece}, {"reason", std::string_view(error.message)}});
  };
  hooks.store.on_store_back = [&log](std::string_view piece) {
    log.info("the country's store is open again", {{"piece", piece}});
  };
  hooks.on_store_emptied = [&log](std::string_view piece, const std::string& was,
                                  const std::string& is) {
    log.warning(was == is
                    ? "the country's store does not fit the events on the bus and is filled again"
                    : "the country's store was of another log than the bus, or of another future "
                      "of it, and is filled again; see whether --data and --nats belong together",
                {{"piece", piece}, {"was", std::string_view(was)}, {"is", std::string_view(is)}});
  };
}

Result<std::unique_ptr<ProcessorRunner>> ProcessorRunner::start(
    CountryCode country, const workers::NatsOptions& nats, const std::filesystem::path& store,
    workers::ConfiguredRules rules, const Codec& codec, const Clock& clock,
    const WorkerHooks& hooks) {
  std::unique_ptr<ProcessorRunner> runner(new ProcessorRunner(country, std::move(rules), store));
  auto bus = workers::NatsBus::open(nats, runner->wakeup_);
  if (!bus) return failure(bus.error());
  runner->bus_ = *std::move(bus);
  const auto on_start_over = [tell = hooks.on_store_emptied, piece = runner->name()](
                                 const std::string& was, const std::string& is) {
    tell(piece, was, is);
  };
  auto keeper =
      workers::ProcessorKeeper::open(country, *runner->bus_, runner->home_, runner->watched_rules_,
                                     codec, clock, {.on_start_over = on_start_over}, hooks.store);
  if (!keeper) return failure(keeper.error());
  runner->keeper_ = *std::move(keeper);
  runner->thread_ = std::make_unique<workers::WorkerThread>(
      std::string(runner->keeper_->name()), runner->wakeup_,
      std::vector<workers::Piece*>{runner->keeper_.get()}, hooks.on_fatal, hooks.may_step);
  runner->watch(hooks);
  return runner;
}

ProcessorRunner::~ProcessorRunner() {
  if (!thread_) return;
  request_stop();
  stop_by(std::chrono::steady_clock::now() + kStopPatience);
}

void ProcessorRunner::stop_by(std::chrono::steady_clock::time_point deadline) {
  join(thread_, *bus_, deadline);
}

void ProcessorRunner::watch(const WorkerHooks& hooks) {
  const auto on_hang = [this, tell = hooks.on_processor_hangs, limit = hooks.check_limit] {
    const Error error{ErrorCode::kUnavailable,
                      "a check of the country's rules has not ended within " +
                          std::to_string(limit.count()) +
                          " ms, and what comes behind it waits: see "
                          "ops/runbooks/poison-messages.md"};
    hangs_.set(error.message);
    tell(keeper_->name(), error);
  };
  watch_ = std::make_unique<workers::HangWatchThread>(
      watched_rules_, hooks.check_limit,
      workers::HangWatchThread::Hooks{.on_hang = on_hang,
                                      .on_moved_on = [this] { hangs_.set({}); }});
}

std::string ProcessorRunner::trouble() const {
  std::string hangs = hangs_.text();
  return hangs.empty() ? keeper_->trouble() : hangs;
}

Result<std::unique_ptr<FanOut::Line>> FanOut::connect(const workers::NatsOptions& nats) {
  auto line = std::make_unique<Line>();
  auto bus = workers::NatsBus::open(nats, line->wakeup);
  if (!bus) return failure(bus.error());
  line->bus = *std::move(bus);
  return line;
}

// A bus that does not answer yet tells nothing. The relay looks again, and the others wait for it.
Status FanOut::check_bus(const LogIdentity& log, const WorkerHooks& hooks) {
  if (!hooks.may_replace) return {};
  const auto deadline = std::chrono::steady_clock::now() + kFirstLookPatience;
  while (!connected() && std::chrono::steady_clock::now() < deadline) {
    publishing_->wakeup.wait_for(kNap);
  }
  const Status free = workers::check_streams_are_free(*publishing_->bus, log, hooks.may_replace);
  if (!free && free.error().code == ErrorCode::kUnavailable) return {};
  return free;
}

Status FanOut::open_pieces(const FanOutParts& parts, const WorkerHooks& hooks) {
  auto relay = workers::Relay::open(
      parts.log, *publishing_->bus, parts.clock,
      {.may_replace = hooks.may_replace, .on_replaced = hooks.on_streams_replaced});
  if (!relay) return failure(relay.error());
  relay_ = *std::move(relay);
  auto reconciler =
      workers::Reconciler::open(parts.log, parts.pending, *publishing_->bus, parts.clock, {});
  if (!reconciler) return failure(reconciler.error());
  reconciler_ = *std::move(reconciler);
  auto confirmations = workers::ConfirmationConsumer::open(*recording_->bus, parts.sequencer,
                                                           parts.clock, recording_->wakeup);
  if (!confirmations) return failure(confirmations.error());
  confirmations_ = *std::move(confirmations);
  auto dead_letters = workers::DeadLetterRecorder::open(*recording_->bus, parts.sequencer,
                                                        parts.clock, recording_->wakeup);
  if (!dead_letters) return failure(dead_letters.error());
  dead_letters_ = *std::move(dead_letters);
  return {};
}

void FanOut::start_threads(const WorkerHooks& hooks) {
  publishing_->thread = std::make_unique<workers::WorkerThread>(
      "relay", publishing_->wakeup, std::vector<workers::Piece*>{relay_.get(), reconciler_.get()},
      hooks.on_fatal, hooks.may_step);
  recording_->thread = std::make_unique<workers::WorkerThread>(
      "confirmations", recording_->wakeup,
      std::vector<workers::Piece*>{confirmations_.get(), dead_letters_.get()}, hooks.on_fatal,
      behind_relay(hooks).may_step);
}

// Nobody takes part in what happens on a bus of another log.
WorkerHooks FanOut::behind_relay(WorkerHooks hooks) const {
  hooks.may_step = [this, may_step = hooks.may_step] {
    return relay_->bus_is_ours() && may_step();
  };
  return hooks;
}

Result<std::unique_ptr<FanOut>> FanOut::start(const FanOutParts& parts,
                                              const workers::NatsOptions& nats,
                                              const std::set<CountryCode>& processors,
                                              const std::filesystem::path& countries_folder,
                                              const RulesByCountry& rules,
                                              const WorkerHooks& hooks) {
  std::unique_ptr<FanOut> fanout(new FanOut);
  auto publishing = connect(nats);
  if (!publishing) return failure(publishing.error());
  fanout->publishing_ = *std::move(publishing);
  if (const Status free = fanout->check_bus(parts.log.identity(), hooks); !free) {
    return failure(free.error());
  }
  auto recording = connect(nats);
  if (!recording) return failure(recording.error());
  fanout->recording_ = *std::move(recording);
  if (const Status opened = fanout->open_pieces(parts, hooks); !opened)
    return failure(opened.error());
  parts.log.add_commit_listener(
      [wakeup = &fanout->publishing_->wakeup](Position) { wakeup->notify(); });
  for (const CountryCode& country : processors) {
    const auto own = rules.find(country);
    auto runner =
        ProcessorRunner::start(country, nats, countries_folder / country.text(),
                               own == rules.end() ? workers::ConfiguredRules{} : own->second,
                               parts.codec, parts.clock, fanout->behind_relay(hooks));
    if (!runner) return failure(runner.error());
    fanout->processors_.push_back(*std::move(runner));
  }
  fanout->start_threads(hooks);
  return fanout;
}

void FanOut::stop() {
  const auto deadline = std::chrono::steady_clock::now() + kStopPatience;
  // All at once, so that each waits for its own step and not for the others'.
  for (const auto& runner : processors_) runner->request_stop();
  for (const auto& line : {recording_.get(), publishing_.get()}) line->thread->request_stop();
  for (const auto& runner : processors_) runner->stop_by(deadline);
  processors_.clear();
  for (const auto& line : {recording_.get(), publishing_.get()}) {
    join(line->thread, *line->bus, deadline);
  }
}

void FanOut::tick() {
  const auto lacks = [](const auto& runner) { return runner->lacks_events(); };
  if (std::ranges::any_of(processors_, lacks)) relay_->doubt_stream();
}

std::string FanOut::trouble() const {
  std::string all = connected() ? std::string() : publishing_->bus->connection();
  const auto add = [&](const std::string& name, const std::string& trouble) {
    if (trouble.empty()) return;
    all += (all.empty() ? "" : "; ") + name + ": " + trouble;
  };
  // Each part has a connection of its own, and a server may take some of them only.
  if (connected() && !recording_->bus->connected()) {
    add("confirmations", recording_->bus->connection());
  }
  for (const auto& runner : processors_) {
    if (connected()) add(runner->name(), runner->bus_trouble());
  }
  add("relay", relay_->trouble());
  add("confirmations", confirmations_->trouble());
  add("dead-letters", dead_letters_->trouble());
  for (const auto& runner : processors_) {
    add(runner->name(), runner->trouble());
  }
  return all;
}

std::map<std::string, const workers::ConsumerCounters*> FanOut::counters() const {
  std::map<std::string, const workers::ConsumerCounters*> all{
      {"confirmations", &confirmations_->counters()}, {"dead-letters", &dead_letters_->counters()}};
  for (const auto& runner : processors_) {
    all.emplace(runner->name(), &runner->counters());
  }
  return all;
}

}  // namespace citas::ops

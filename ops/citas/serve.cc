#include "ops/citas/serve.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "events/base/synced_file.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/fanout.h"
#include "ops/citas/service_manager.h"
#include "ops/citas/signals.h"
#include "ops/citas/supervision.h"
#include "ops/citas/system.h"
#include "ops/citas/thread_room.h"
#include "ops/citas/trouble_log.h"
#include "workers/nats/server_url.h"

namespace citas::ops {
namespace {

// Somewhat fewer than a server has, so that none is refused that could run.
constexpr std::size_t kThreads = 90;
constexpr std::size_t kThreadsForCountry = 3;

Status write_address(const std::filesystem::path& file, std::string_view text) {
  const Status written = replace_file(file, text);
  if (written) return {};
  return failure(written.error().code, "--address-file: " + written.error().message);
}

// Before anything is begun: one that cannot be written keeps a server from starting, not from going
// on. Leaves what is there, which may be a running server's.
Status check_address(const std::filesystem::path& file) {
  struct stat there {};
  if (::lstat(file.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    return failure(ErrorCode::kInvalidArgument,
                   "--address-file: " + file.string() + " is there, and is no file");
  }
  const std::string unfinished = file.string() + ".new";
  if (const Status can = replace_file(unfinished, ""); !can) {
    return failure(can.error().code, "--address-file: " + can.error().message);
  }
  ::unlink(unfinished.c_str());
  return {};
}

// What an earlier server has left is no address of this one.
Status clear_address(const std::filesystem::path& file) {
  if (::unlink(file.c_str()) == 0 || errno == ENOENT) return {};
  return failure(ErrorCode::kUnavailable,
                 "--address-file: cannot delete " + file.string() + ": " + std::strerror(errno));
}

// Whether anybody reads it is no matter to the server.
void greet(const std::string& url, const ServeOptions& options) {
  const std::string text = fmt::format(
      "citas: listening on {0}\n"
      "  data {1} · countries {2} · processors {3} · bus {4}\n"
      "\n"
      "Book, look, and see what was recorded:\n"
      "  curl -s {0}/appointments -H 'Content-Type: application/json' -d "
      "'{{\"insuredId\":\"00001\",\"scheduleId\":100,\"countryISO\":\"{5}\"}}'\n"
      "  curl -s {0}/appointments/00001\n"
      "  curl -s '{0}/events?tag=insured:00001'\n"
      "\n"
      "Ctrl-C drains and stops.\n",
      url, options.data.string(), to_string(options.countries),
      options.workers.empty() ? "elsewhere" : to_string(options.workers),
      options.nats == "managed" || options.nats == "none" ? options.nats : "external",
      options.countries.begin()->text());
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  std::clearerr(stdout);
}

Status check(const ServeOptions& options) {
  if (!options.listen.is_loopback() && !options.insecure_bind) {
    return failure(ErrorCode::kInvalidArgument,
                   "--listen " + options.listen.host +
                       ": there is no identity check yet, so only loopback addresses are served; "
                       "add --insecure-bind if this network is yours alone");
  }
  for (const CountryCode& country : options.workers) {
    if (!options.countries.contains(country)) {
      return failure(ErrorCode::kInvalidArgument,
                     "--workers " + std::string(country.text()) + ": not among --countries");
    }
  }
  return options.address_file ? check_address(*options.address_file) : Status{};
}

// What is wrong, or what it is doing, in one line.
std::string status_of(const System& system, const std::string& url) {
  std::string troubles;
  for (const api::PartHealth& part : system.parts()) {
    if (part.health == api::Health::kOk) continue;
    troubles += (troubles.empty() ? "" : "; ") + part.name + ": " + part.reason;
  }
  return "serving at " + url + (troubles.empty() ? "" : "; " + troubles);
}

TroubleLog::Words words_in(JsonLog& log) {
  return {.in_trouble =
              [&log](std::string_view part, std::string_view reason) {
                log.warning("in trouble", {{"part", part}, {"reason", reason}});
              },
          .well_again =
              [&log](std::string_view part) {
                log.info("well again", {{"part", part}});
              }};
}

void note_parts(const System& system, TroubleLog& troubles) {
  for (const api::PartHealth& part : system.parts()) {
    if (part.name == "disk") continue;  // which the log tells at once
    troubles.note(part.name, part.health == api::Health::kOk ? std::string_view{} : part.reason);
  }
}

// Until a signal comes, or something fails for good.
void supervise(System& system, const std::string& url, ShutdownSignal& shutdown,
               ServiceManager& manager, JsonLog& log) {
  const SystemClock clock;
  TroubleLog troubles(words_in(log), clock);
  Supervision supervision(manager,
                          {.beats = [&] { return system.beats(); },
                           .left_to_start = [&] { return system.left_to_start(); },
                           .status = [&] { return status_of(system, url); }},
                          clock);
  do {
    supervision.step();
    system.tick();
    note_parts(system, troubles);
  } while (!shutdown.wait(supervision.interval()));
}

Result<std::unique_ptr<System>> start(const ServeOptions& options, JsonLog& log,
                                      const std::function<void(const Error&)>& on_fatal,
                                      ServiceManager& manager) {
  const StartExtension extension(manager);
  return System::start(
      options, log, on_fatal,
      {.on_stage = [&](const std::string& stage) { manager.status(stage); },
       .on_log_held =
           [&] { return options.address_file ? clear_address(*options.address_file) : Status{}; }});
}

// What is wrong with a worker, or with its bus, which comes first.
std::string trouble_of(const ProcessorRunner& runner, const std::string& bus_url) {
  const std::string lost = runner.bus_trouble();
  return lost.empty() ? runner.trouble() : "the bus at " + bus_url + " is " + lost;
}

std::string status_of(const ProcessorRunner& runner, const std::string& bus_url) {
  const std::string trouble = trouble_of(runner, bus_url);
  return "processing " + std::string(runner.country().text()) +
         (trouble.empty() ? "" : "; " + trouble);
}

// Until a signal comes, or something fails for good.
void supervise(const ProcessorRunner& runner, const std::string& bus_url, ShutdownSignal& shutdown,
               ServiceManager& manager, JsonLog& log) {
  const SystemClock clock;
  TroubleLog troubles(words_in(log), clock);
  Supervision supervision(manager,
                          {.beats = [&] { return std::vector{runner.beats()}; },
                           .left_to_start = [] { return 0; },
                           .status = [&] { return status_of(runner, bus_url); }},
                          clock);
  do {
    supervision.step();
    troubles.note("processor", trouble_of(runner, bus_url));
  } while (!shutdown.wait(supervision.interval()));
}

WorkerHooks hooks_of_worker(std::chrono::milliseconds check_limit, ShutdownSignal& shutdown,
                            JsonLog& log) {
  const auto on_fatal = [&](std::string_view piece, const Error& error) {
    if (!shutdown.request(exit_code_of(error))) return;
    log.error("fatal", {{"piece", piece}, {"reason", std::string_view(error.message)}});
  };
  // Its thread can be neither joined nor ended, so there is no end in order: as after a kill, the
  // next process finds the try counted.
  const auto on_hang = [&](std::string_view piece, const Error& error) {
    log.last_words("fatal", {{"piece", piece}, {"reason", std::string_view(error.message)}});
    std::_Exit(exit_code_of(error));
  };
  WorkerHooks hooks{
      .on_fatal = on_fatal, .on_processor_hangs = on_hang, .may_step = [] { return true; }};
  note_stores(hooks, log);
  hooks.check_limit = check_limit;
  return hooks;
}

// Refused at the start: said to the service manager too.
int refuse_start(const Error& error, ServiceManager& manager) {
  manager.status(error.message);
  return refuse(error);
}

// Why, where it has not been said before.
void tell_stopping(const ShutdownSignal& shutdown, ServiceManager& manager, JsonLog& log) {
  manager.stopping();
  if (shutdown.cause().empty()) return log.info("stopping");
  log.info("stopping", {{"signal", std::string_view(shutdown.cause())}});
}

}  // namespace

int serve(const ServeOptions& options, LogLevel log_level) {
  if (const Status checked = check(options); !checked) return refuse(checked.error());
  ShutdownSignal shutdown;
  Systemd manager;
  const Status room = check_thread_room(kThreads + kThreadsForCountry * options.workers.size());
  if (!room) return refuse_start(room.error(), manager);
  JsonLog log(log_level);
  if (!options.listen.is_loopback()) {
    log.warning("serving without identity check beyond loopback, as told by --insecure-bind");
  }
  const auto on_fatal = [&](const Error& error) {
    // What fails because of the first failure is no news.
    if (!shutdown.request(exit_code_of(error))) return;
    log.error("fatal", {{"reason", std::string_view(error.message)}});
  };
  auto system = start(options, log, on_fatal, manager);
  if (!system) return refuse_start(system.error(), manager);
  const std::string url = options.listen.url((*system)->port());
  if (options.address_file) {
    const Status written = write_address(*options.address_file, url + '\n');
    if (!written) return refuse_start(written.error(), manager);
  }
  greet(url, options);
  log.info("serving", {{"url", std::string_view(url)}});
  supervise(**system, url, shutdown, manager, log);
  tell_stopping(shutdown, manager, log);
  manager.status("finishing what was accepted");
  system->reset();
  log.info("stopped");
  return shutdown.exit_code();
}

int run_worker(const WorkerOptions& options, LogLevel log_level) {
  ShutdownSignal shutdown;
  Systemd manager;
  JsonLog log(log_level);
  const auto rules = load_country_rules(options.country_rules);
  if (!rules) return refuse_start(rules.error(), manager);
  const auto own = rules->find(options.country);
  const Codec codec;
  const SystemClock clock;
  auto runner =
      ProcessorRunner::start(options.country, workers::NatsOptions{.url = options.nats},
                             options.data / "countries" / options.country.text(),
                             own == rules->end() ? workers::ConfiguredRules{} : own->second, codec,
                             clock, hooks_of_worker(options.check_limit, shutdown, log));
  if (!runner) return refuse_start(runner.error(), manager);
  const std::string bus_url = workers::without_credentials(options.nats, "");
  log.info("processing", {{"country", options.country.text()}, {"bus", std::string_view(bus_url)}});
  supervise(**runner, bus_url, shutdown, manager, log);
  tell_stopping(shutdown, manager, log);
  runner->reset();
  log.info("stopped");
  return shutdown.exit_code();
}

}  // namespace citas::ops

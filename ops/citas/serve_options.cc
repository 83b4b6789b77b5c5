#include "ops/citas/serve_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "ops/citas/doctor/doctor.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/options.h"
#include "ops/citas/print_json.h"
#include "ops/citas/serve.h"
#include "workers/nats/server_url.h"

namespace citas::ops {
namespace {

struct ServeFlags {
  std::string data = "./data";
  std::string listen = "127.0.0.1:8080";
  std::string nats = "managed";
  std::string replaces_log;
  std::string workers = "all";
  std::string countries = "PE,CL";
  std::string country_rules, address_file, backups;
  std::string log_level = "info";
  std::string access_log = "errors";
  std::string free_space_floor = "auto";
  bool insecure_bind = false;
  bool existing_log = false;
};

Result<std::set<CountryCode>> countries_of(const std::string& option, const std::string& value) {
  auto countries = parse_countries(value);
  if (!countries) countries.error().message.insert(0, option + ": ");
  return countries;
}

Status check_bus(const std::string& nats) {
  if (nats == "managed" || nats == "none") return {};
  const Status bus = workers::check_server_urls(nats);
  if (bus) return {};
  return failure(bus.error().code, "--nats: neither managed nor none, and " + bus.error().message);
}

Result<std::set<CountryCode>> workers_of(const ServeFlags& flags,
                                         const std::set<CountryCode>& countries) {
  if (flags.workers == "all") return countries;
  if (flags.workers == "none") return std::set<CountryCode>{};
  return countries_of("--workers", flags.workers);
}

// nullopt: none is named.
Result<std::optional<LogId>> replaced_log_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto id = Uuid::parse(text);
  if (id) return LogId{*id};
  return failure(ErrorCode::kInvalidArgument,
                 "--replaces-log: '" + text + "' is not the id of a log");
}

// nullopt: the disk's default.
Result<std::optional<std::uint64_t>> floor_of(const std::string& text) {
  if (text == "auto") return std::nullopt;
  const auto floor = parse_size(text);
  if (floor) return *floor;
  return failure(floor.error().code, "--free-space-floor: " + floor.error().message);
}

AccessLog access_log_of(const std::string& text) {
  if (text == "none") return AccessLog::kNone;
  return text == "all" ? AccessLog::kAll : AccessLog::kErrors;
}

std::optional<std::filesystem::path> path_of(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::filesystem::path>(text);
}

Result<ServeOptions> serve_options(const ServeFlags& flags) {
  const auto listen = parse_listen_address(flags.listen);
  if (!listen) return failure(listen.error());
  if (const Status bus = check_bus(flags.nats); !bus) return failure(bus.error());
  const auto replaces_log = replaced_log_of(flags.replaces_log);
  if (!replaces_log) return failure(replaces_log.error());
  const auto countries = countries_of("--countries", flags.countries);
  if (!countries) return failure(countries.error());
  const auto workers = workers_of(flags, *countries);
  if (!workers) return failure(workers.error());
  const auto floor = floor_of(flags.free_space_floor);
  if (!floor) return failure(floor.error());
  return ServeOptions{.data = flags.data,
                      .listen = *listen,
                      .nats = flags.nats,
                      .replaces_log = *replaces_log,
                      .countries = *countries,
                      .workers = *workers,
                      .country_rules = path_of(flags.country_rules),
                      .address_file = path_of(flags.address_file),
                      .backups = path_of(flags.backups),
                      .free_space_floor_bytes = *floor,
                      .insecure_bind = flags.insecure_bind,
                      .existing_log = flags.existing_log,
                      .access_log = access_log_of(flags.access_log)};
}

void add_log_level(CLI::App& command, std::string& level) {
  command.add_option("--log-level", level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->envname("CITAS_LOG_LEVEL");
}

void add_serve_options(CLI::App& command, ServeFlags& flags) {
  add_data(command, flags.data);
  command.add_option("--listen", flags.listen, "ADDRESS:PORT; port 0 takes a free one")
      ->envname("CITAS_LISTEN");
  command.add_option("--nats", flags.nats, "managed, none, or the URL of a NATS server")
      ->envname("CITAS_NATS");
  command
      .add_option("--replaces-log", flags.replaces_log,
                  "Id of a log that was given up: its streams on a bus of others are deleted")
      ->envname("CITAS_REPLACES_LOG");
  command
      .add_option("--workers", flags.workers,
                  "Countries whose processors run in this process: all, none, or PE,CL")
      ->envname("CITAS_WORKERS");
  command.add_option("--countries", flags.countries, "Countries that are served")
      ->envname("CITAS_COUNTRIES");
  command
      .add_option("--country-rules", flags.country_rules, "JSON file with what countries demand")
      ->envname("CITAS_COUNTRY_RULES");
  command.add_option("--address-file", flags.address_file, "File that gets the URL once ready")
      ->envname("CITAS_ADDRESS_FILE");
  command
      .add_option("--backups", flags.backups,
                  "Folder that citas backup create fills: /metrics tells how old the last one is")
      ->envname("CITAS_BACKUPS");
  command.add_option("--access-log", flags.access_log, "Requests that are logged")
      ->check(CLI::IsMember({"none", "errors", "all"}))
      ->envname("CITAS_ACCESS_LOG");
  command
      .add_option("--free-space-floor", flags.free_space_floor,
                  "Free space of the log's disk below which the server is read-only, such as "
                  "512MiB; auto: that, or an eighth of a small disk")
      ->envname("CITAS_FREE_SPACE_FLOOR");
  command
      .add_flag("--insecure-bind", flags.insecure_bind,
                "Serve beyond loopback although nobody's identity is checked")
      ->envname("CITAS_INSECURE_BIND");
  command
      .add_flag("--existing-log", flags.existing_log,
                "Begin no new, empty log: where there is none, a disk may be missing (citas init)")
      ->envname("CITAS_EXISTING_LOG");
  add_log_level(command, flags.log_level);
}

struct WorkerFlags {
  std::string country, nats, data = "./data", country_rules, log_level = "info";
  std::int64_t check_limit_ms = workers::kDefaultCheckLimit.count();
};

Result<WorkerOptions> worker_options(const WorkerFlags& flags) {
  const auto country = CountryCode::parse(flags.country);
  if (!country) {
    return failure(ErrorCode::kInvalidArgument,
                   "--country: '" + flags.country + "' is not a code such as PE");
  }
  if (const Status bus = workers::check_server_urls(flags.nats); !bus) {
    return failure(bus.error().code, "--nats: " + bus.error().message);
  }
  return WorkerOptions{.country = *country,
                       .nats = flags.nats,
                       .data = flags.data,
                       .country_rules = path_of(flags.country_rules),
                       .check_limit = std::chrono::milliseconds{flags.check_limit_ms}};
}

// What `config show` says of one option.
struct Setting {
  std::string option;  // "--listen"
  std::string value;   // without credentials; empty: none
  std::string source;  // "flag", "environment CITAS_LISTEN" or "default"
};

Setting setting_of(const CLI::App& command, const CLI::Option& option) {
  const auto& given = command.parse_order();
  const bool is_flag = std::find(given.begin(), given.end(), &option) != given.end();
  const bool is_switch = option.get_items_expected_max() == 0;
  Setting setting{"--" + option.get_lnames().front(),
                  is_switch ? "false" : option.get_default_str(), "default"};
  if (option.count() == 0) return setting;
  setting.value = option.results().back();
  // The one option that may hold a password. Elsewhere an @ is a part of a folder's name.
  if (setting.option == "--nats") {
    setting.value = workers::without_credentials(setting.value, "***@");
  }
  setting.source = is_flag ? "flag" : "environment " + option.get_envname();
  return setting;
}

int show_settings(const std::vector<Setting>& settings, Output output) {
  Table table({"OPTION", "VALUE", "SOURCE"});
  auto list = nlohmann::ordered_json::array();
  for (const auto& [option, value, source] : settings) {
    table.add({option, value.empty() ? "-" : value, source});
    list.push_back({{"option", option}, {"value", value}, {"source", source}});
  }
  if (output == Output::kJson) {
    print_json(list);
  } else {
    fmt::print("{}", table.text());
  }
  return kExitOk;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App& command = *app.add_subcommand("serve", "Run the server until a signal stops it");
  add_serve_options(command, *flags);
  command.callback([flags, &action] {
    action = [flags] {
      const auto options = serve_options(*flags);
      if (!options) return refuse(options.error());
      return serve(*options, parse_log_level(flags->log_level).value());
    };
  });
}

void add_worker(CLI::App& app, Action& action) {
  auto flags = std::make_shared<WorkerFlags>();
  CLI::App& command =
      *app.add_subcommand("worker", "Run one country's processor until a signal stops it");
  command.add_option("--country", flags->country, "Country code, such as PE")
      ->required()
      ->envname("CITAS_COUNTRY");
  command.add_option("--nats", flags->nats, "URL of the NATS server")
      ->required()
      ->envname("CITAS_NATS");
  add_data(command, flags->data);
  command
      .add_option("--country-rules", flags->country_rules, "JSON file with what countries demand")
      ->envname("CITAS_COUNTRY_RULES");
  command
      .add_option("--check-limit-ms", flags->check_limit_ms,
                  "A check of one request by the rules that takes so long hangs: the worker ends, "
                  "to be started again, and the request is charged with a try")
      ->check(CLI::Range(std::int64_t{10}, std::int64_t{600'000}))
      ->capture_default_str()
      ->envname("CITAS_CHECK_LIMIT_MS");
  add_log_level(command, flags->log_level);
  command.callback([flags, &action] {
    action = [flags] {
      const auto options = worker_options(*flags);
      if (!options) return refuse(options.error());
      return run_worker(*options, parse_log_level(flags->log_level).value());
    };
  });
}

// The options of `serve` as a server started now would have them. Flags are taken from this command
// line, so that a whole one can be tried out.
void add_config(CLI::App& app, Action& action) {
  struct Flags {
    ServeFlags serve;
    Output output = Output::kTable;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App& config = *app.add_subcommand("config", "Look at the configuration");
  config.require_subcommand(1);
  CLI::App& show =
      *config.add_subcommand("show", "Each option of serve, its value, and where it came from");
  add_output(show, flags->output);
  const std::size_t own = show.get_options().size();
  add_serve_options(show, flags->serve);
  show.callback([flags, own, &show, &action] {
    std::vector<Setting> settings;
    const auto options = std::as_const(show).get_options();
    for (std::size_t i = own; i < options.size(); ++i)
      settings.push_back(setting_of(show, *options[i]));
    action = [flags, settings] {
      const auto valid = serve_options(flags->serve);
      if (!valid) return refuse(valid.error());
      return show_settings(settings, flags->output);
    };
  });
}

// Takes the options of `serve`, by flag or environment, so that it looks at what a server started
// now would run on.
void add_doctor(CLI::App& app, Action& action) {
  struct Flags {
    ServeFlags serve;
    std::string url;
    Output output = Output::kTable;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App& command = *app.add_subcommand(
      "doctor", "Look at folder, disk, limits, bus, clock and port of a server, running or not");
  add_output(command, flags->output);
  command.add_option("--url", flags->url, "A running server, whose parts are shown too")
      ->envname("CITAS_URL");
  add_serve_options(command, flags->serve);
  command.footer(doctor::kVerdictsHelp);
  command.callback([flags, &action] {
    action = [flags] {
      const auto options = serve_options(flags->serve);
      if (!options) return refuse(options.error());
      return doctor::examine({*options, flags->url, flags->output});
    };
  });
}

}  // namespace citas::ops

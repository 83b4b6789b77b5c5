// The citas program: reads the command line and calls the command.

#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "ops/citas/audit.h"
#include "ops/citas/backup_command.h"
#include "ops/citas/command_line.h"
#include "ops/citas/dead_letters_command.h"
#include "ops/citas/doctor/doctor.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/init_command.h"
#include "ops/citas/print_json.h"
#include "ops/citas/projections_command.h"
#include "ops/citas/serve.h"
#include "ops/citas/standard_streams.h"
#include "ops/citas/tour.h"
#include "workers/nats/server_url.h"

namespace citas::ops {
namespace {

// --- serve ---

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

Result<ServeOptions> serve_options(const ServeFlags& flags) {
  ServeOptions options;
  options.data = flags.data;
  const auto listen = parse_listen_address(flags.listen);
  if (!listen) return failure(listen.error());
  options.listen = *listen;
  options.nats = flags.nats;
  if (flags.nats != "managed" && flags.nats != "none") {
    if (const Status bus = workers::check_server_urls(flags.nats); !bus) {
      return failure(bus.error().code,
                     "--nats: neither managed nor none, and " + bus.error().message);
    }
  }
  if (!flags.replaces_log.empty()) {
    const auto id = Uuid::parse(flags.replaces_log);
    if (!id) {
      return failure(ErrorCode::kInvalidArgument,
                     "--replaces-log: '" + flags.replaces_log + "' is not the id of a log");
    }
    options.replaces_log = LogId{*id};
  }
  const auto countries = countries_of("--countries", flags.countries);
  if (!countries) return failure(countries.error());
  options.countries = *countries;
  if (flags.workers == "all") {
    options.workers = *countries;
  } else if (flags.workers != "none") {
    const auto workers = countries_of("--workers", flags.workers);
    if (!workers) return failure(workers.error());
    options.workers = *workers;
  }
  if (!flags.country_rules.empty()) options.country_rules = flags.country_rules;
  if (!flags.address_file.empty()) options.address_file = flags.address_file;
  if (flags.free_space_floor != "auto") {
    const auto floor = parse_size(flags.free_space_floor);
    if (!floor) return failure(floor.error().code, "--free-space-floor: " + floor.error().message);
    options.free_space_floor_bytes = *floor;
  }
  if (!flags.backups.empty()) options.backups = flags.backups;
  options.insecure_bind = flags.insecure_bind;
  options.existing_log = flags.existing_log;
  options.access_log = flags.access_log == "none"  ? AccessLog::kNone
                       : flags.access_log == "all" ? AccessLog::kAll
                                                   : AccessLog::kErrors;
  return options;
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

// --- config ---

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

// --- doctor ---

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

// --- worker ---

void add_worker(CLI::App& app, Action& action) {
  struct Flags {
    std::string country, nats, data = "./data", country_rules, log_level = "info";
    std::int64_t check_limit_ms = workers::kDefaultCheckLimit.count();
  };
  auto flags = std::make_shared<Flags>();
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
      const auto country = CountryCode::parse(flags->country);
      if (!country) {
        return refuse({ErrorCode::kInvalidArgument,
                       "--country: '" + flags->country + "' is not a code such as PE"});
      }
      if (const Status bus = workers::check_server_urls(flags->nats); !bus) {
        return refuse({bus.error().code, "--nats: " + bus.error().message});
      }
      WorkerOptions options{.country = *country, .nats = flags->nats, .data = flags->data};
      options.check_limit = std::chrono::milliseconds{flags->check_limit_ms};
      if (!flags->country_rules.empty()) options.country_rules = flags->country_rules;
      return run_worker(options, parse_log_level(flags->log_level).value());
    };
  });
}

// --- projections ---

void add_projections(CLI::App& app, Action& action) {
  struct Flags {
    ProjectionsTarget target;
    Source source;
    std::string name;

    const ProjectionsTarget& resolved() {
      const Source chosen = or_environment(source, false);
      if (!chosen.data.empty()) target.data = chosen.data;
      if (!chosen.url.empty()) target.url = chosen.url;
      return target;
    }
  };
  auto flags = std::make_shared<Flags>();
  CLI::App& projections = *app.add_subcommand("projections", "Look at read models, rebuild them");
  projections.require_subcommand(1);
  CLI::App& list = *projections.add_subcommand("list", "Where each read model stands");
  add_source(list, flags->source, false);
  add_output(list, flags->target.output);
  list.callback(
      [flags, &action] { action = [flags] { return list_projections(flags->resolved()); }; });
  CLI::App& rebuild =
      *projections.add_subcommand("rebuild", "Build a read model anew beside the one that serves");
  rebuild.add_option("name", flags->name, "Its name")->required();
  add_source(rebuild, flags->source, false);
  add_output(rebuild, flags->target.output);
  rebuild.add_flag("--quiet", flags->target.quiet, "No progress");
  rebuild.callback([flags, &action] {
    action = [flags] { return rebuild_projection(flags->resolved(), flags->name); };
  });
}

// --- backup ---

struct BackupFlags {
  std::string data = "./data";
  std::string backups = "./backups";
  std::string until;
  BackupCreateOptions create;
  BackupTarget target;

  const BackupTarget& resolved() {
    target.backups = backups;
    return target;
  }
};

CLI::App& add_backup_command(CLI::App& backup, const char* name, const char* help,
                             BackupFlags& flags) {
  CLI::App& command = *backup.add_subcommand(name, help);
  command.add_option("--backups", flags.backups, "Folder that holds the backups of one log")
      ->check(no_text)
      ->envname("CITAS_BACKUPS");
  add_output(command, flags.target.output);
  return command;
}

void add_backup_create(CLI::App& backup, const std::shared_ptr<BackupFlags>& flags,
                       Action& action) {
  CLI::App& command = add_backup_command(
      backup, "create", "Back up a log, also while its server runs; drop what has expired", *flags);
  add_data(command, flags->data);
  command.add_flag("--full", flags->create.full, "Share nothing with earlier backups");
  command
      .add_option("--full-if-older-than-hours", flags->create.full_if_older_than_hours,
                  "Full when the last full backup is older than this; 0: only as told by --full")
      ->check(CLI::Range(0, 100'000));
  command.add_option("--keep-full", flags->create.keep_full, "Full backups that are kept")
      ->check(CLI::Range(1, 100'000));
  command
      .add_option("--keep-incremental-days", flags->create.keep_incremental_days,
                  "Age in days up to which the others are kept")
      ->check(CLI::Range(0, 36'500));
  command
      .add_option("--max-mib-per-second", flags->create.max_mib_per_second,
                  "Read no faster than this; 0 is no limit")
      ->check(CLI::Range(0, 100'000));
  command.add_flag("--quiet", flags->target.quiet, "No progress");
  command.callback([flags, &action] {
    action = [flags] { return create_backup(flags->resolved(), flags->data, flags->create); };
  });
}

void add_backup_restore(CLI::App& backup, const std::shared_ptr<BackupFlags>& flags,
                        Action& action) {
  CLI::App& command = add_backup_command(backup, "restore",
                                         "Make a log from a backup, where there is none", *flags);
  command.add_option("backup", flags->target.id, "Its name; the newest one without")
      ->check(no_text);
  add_data(command, flags->data);
  command
      .add_option("--until", flags->until,
                  "Last POSITION, or the TIME (RFC 3339) up to which events are restored")
      ->check(no_text);
  command.add_flag("--quiet", flags->target.quiet, "No progress");
  command.callback([flags, &action] {
    action = [flags] { return restore_backup(flags->resolved(), flags->data, flags->until); };
  });
}

void add_backup(CLI::App& app, Action& action) {
  auto flags = std::make_shared<BackupFlags>();
  CLI::App& backup = *app.add_subcommand("backup", "Back the event log up, and restore it");
  backup.require_subcommand(1);
  add_backup_create(backup, flags, action);
  CLI::App& list = add_backup_command(backup, "list", "The backups there are", *flags);
  list.callback([flags, &action] { action = [flags] { return list_backups(flags->resolved()); }; });
  CLI::App& verify =
      add_backup_command(backup, "verify", "Read every byte of backups and prove them", *flags);
  verify.add_option("backup", flags->target.id, "Its name; all of them without")->check(no_text);
  verify.add_flag("--quiet", flags->target.quiet, "No progress");
  verify.callback(
      [flags, &action] { action = [flags] { return verify_backups(flags->resolved()); }; });
  add_backup_restore(backup, flags, action);
}

void add_tour(CLI::App& app, Action& action) {
  auto options = std::make_shared<TourOptions>();
  CLI::App& command =
      *app.add_subcommand("tour", "Play the main job against a running server, and check it");
  command.add_option("--url", options->url, "The server")->check(no_text)->envname("CITAS_URL");
  command.add_option("--requests", options->requests, "Bookings to try")
      ->check(CLI::Range(1, 1'000'000));
  command.add_option("--clients", options->clients, "Connections")->check(CLI::Range(1, 256));
  command.add_option("--seed", options->seed, "Repeats the same tour");
  add_output(command, options->output);
  command.add_flag("--quiet", options->quiet, "No progress");
  command.callback([options, &action] { action = [options] { return tour(*options); }; });
}

int run(int argc, char** argv) {
  CLI::App app{"citas: medical appointments as an event log that can prove what happened", "citas"};
  app.set_version_flag("--version", "citas " CITAS_VERSION);
  app.option_defaults()->always_capture_default();
  app.footer(kExitCodesHelp);
  app.require_subcommand(1);
  Action action;
  add_serve(app, action);
  add_init(app, action);
  add_config(app, action);
  add_doctor(app, action);
  add_worker(app, action);
  add_audit(app, action);
  add_projections(app, action);
  add_dead_letters(app, action);
  add_backup(app, action);
  add_tour(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // What it does not know is not missing.
    const auto unknown = app.remaining(/*recurse=*/true);
    if (unknown.empty()) return app.exit(error) == 0 ? kExitOk : kExitUsage;
    return refuse({ErrorCode::kInvalidArgument, "'" + unknown.front() +
                                                    "' is no command or option of citas here; see "
                                                    "citas --help"});
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return action();
}

// An answer that did not arrive is none, whatever its command came to. What the standard library
// throws of a stream or of the file system ends as any other error.
int run_to_the_end(int argc, char** argv) {
  int code = kExitFailed;
  try {
    code = run(argc, argv);
  } catch (const std::exception& error) {
    code = refuse({ErrorCode::kUnavailable, error.what()});
  }
  const Status finished = finish_stdout();
  if (finished || code != kExitOk) return code;
  return refuse(finished.error());
}

}  // namespace
}  // namespace citas::ops

int main(int argc, char** argv) {
  citas::ops::occupy_closed_streams();
  // What is written tells who is treated where: it is the owner's alone.
  ::umask(S_IRWXG | S_IRWXO);
  return citas::ops::run_to_the_end(argc, argv);
}

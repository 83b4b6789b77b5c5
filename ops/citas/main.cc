// The citas program: reads the command line and calls the command.

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <memory>

#include "ops/citas/audit.h"
#include "ops/citas/backup_command.h"
#include "ops/citas/command_line.h"
#include "ops/citas/dead_letters_command.h"
#include "ops/citas/exit_codes.h"
#include "ops/citas/init_command.h"
#include "ops/citas/projections_command.h"
#include "ops/citas/serve_options.h"
#include "ops/citas/standard_streams.h"
#include "ops/citas/tour.h"

namespace citas::ops {
namespace {

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

// "citas backup restore", as far as it was understood.
std::string command_of(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return app.get_name() + (chosen.empty() ? "" : " " + command_of(*chosen.front()));
}

// In one line, and of what it does not know the first: behind that, the parser guesses.
std::string describe(const CLI::ParseError& error, const CLI::App& app) {
  const std::string command = command_of(app);
  const std::string help = "; see " + command + " --help";
  const auto unknown = app.remaining(/*recurse=*/true);
  // What it does not know is not missing.
  if (!unknown.empty()) {
    return "'" + unknown.front() + "' is no command or option of " + command + help;
  }
  return error.what() + help;
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
  } catch (const CLI::ParseError& error) {
    // Help and version are none.
    if (error.get_exit_code() == 0) return app.exit(error);
    return refuse({ErrorCode::kInvalidArgument, describe(error, app)});
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

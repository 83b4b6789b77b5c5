// The options of `citas deadletters`.
#include <memory>
#include <span>

#include "api/request_json.h"
#include "ops/citas/dead_letters_command.h"
#include "projections/dead_letters/dead_letters.h"

namespace citas::ops {
namespace {

struct Flags {
  Target target;
  DeadLettersListing listing;
  Source source;
  std::string id, reason;
  std::vector<std::string> ids;
  bool all_open = false;

  const Target& resolved() {
    resolve(source, target);
    return target;
  }
};
using SharedFlags = std::shared_ptr<Flags>;

CLI::IsMember one_of(std::span<const std::string_view> names) {
  return CLI::IsMember(std::vector<std::string>(names.begin(), names.end()));
}

CLI::App& add_reading(CLI::App& letters, const char* name, const char* help, Flags& flags) {
  CLI::App& command = *letters.add_subcommand(name, help);
  add_source(command, flags.source, false);
  add_output(command, flags.target.output);
  command.add_flag("--quiet", flags.target.quiet, "No progress");
  return command;
}

void add_list(CLI::App& letters, const SharedFlags& flags, Action& action) {
  CLI::App& list = add_reading(letters, "list", "A line for each dead letter", *flags);
  list.add_option("--state", flags->listing.state, "Only those in this state")
      ->check(one_of(projections::kLetterStateNames));
  list.add_option("--order", flags->listing.order, "desc: the newest first; asc: the oldest")
      ->check(CLI::IsMember({"asc", "desc"}));
  list.add_option("--limit", flags->listing.limit, "At most so many")
      ->check(CLI::Range(1, 1'000'000));
  list.callback([flags, &action] {
    action = [flags] { return list_dead_letters(flags->resolved(), flags->listing); };
  });
}

void add_show(CLI::App& letters, const SharedFlags& flags, Action& action) {
  CLI::App& show = add_reading(letters, "show", "One dead letter", *flags);
  show.add_option("id", flags->id, "Its id, as list prints it")->required();
  show.callback([flags, &action] {
    action = [flags] { return show_dead_letter(flags->resolved(), flags->id); };
  });
}

CLI::App& add_deciding(CLI::App& letters, const char* name, const char* help, Flags& flags) {
  CLI::App& command = *letters.add_subcommand(name, help);
  command.add_option("--url", flags.source.url, "A running server")->envname("CITAS_URL");
  add_output(command, flags.target.output);
  command.add_flag("--quiet", flags.target.quiet, "No progress");
  return command;
}

void add_retry(CLI::App& letters, const SharedFlags& flags, Action& action) {
  CLI::App& retry =
      add_deciding(letters, "retry", "Send their requests again, with a new set of tries", *flags);
  auto* ids = retry.add_option("id", flags->ids, "Their ids");
  auto* all = retry.add_flag("--all-open", flags->all_open, "All that are open")->excludes(ids);
  retry.callback([flags, ids, all, &action] {
    if (ids->count() + all->count() == 0) {
      throw CLI::RequiredError("retry: ids of dead letters, or --all-open,");
    }
    action = [flags] {
      return flags->all_open ? retry_all_open(flags->resolved())
                             : retry_dead_letters(flags->resolved(), flags->ids);
    };
  });
}

void add_discard(CLI::App& letters, const SharedFlags& flags, Action& action) {
  CLI::App& discard = add_deciding(
      letters, "discard", "Give them up for good; appointments that wait for them fail", *flags);
  discard.add_option("id", flags->ids, "Their ids")->required();
  discard.add_option("--reason", flags->reason, "Why")
      ->required()
      ->check(one_of(api::kDiscardReasons));
  discard.callback([flags, &action] {
    action = [flags] { return discard_dead_letters(flags->resolved(), flags->ids, flags->reason); };
  });
}

}  // namespace

void add_dead_letters(CLI::App& app, Action& action) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& letters = *app.add_subcommand(
      "deadletters", "Look at messages that could not be processed, and decide on them");
  letters.require_subcommand(1);
  add_list(letters, flags, action);
  add_show(letters, flags, action);
  add_retry(letters, flags, action);
  add_discard(letters, flags, action);
}

}  // namespace citas::ops

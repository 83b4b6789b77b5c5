// The options of the auditor's commands: `citas events`, `citas verify`, `citas replay`.
#include <memory>

#include "events/event_types.h"
#include "events/tags.h"
#include "ops/citas/audit.h"
#include "ops/citas/command_line.h"
#include "ops/citas/exit_codes.h"

namespace citas::ops {
namespace {

struct AuditFlags {
  Source source;
  EventFilter filter;
  std::uint64_t position = 0;
  std::string expect;
  Output output = Output::kTable;
  bool quiet = false;

  EventSource chosen() const {
    const Source one = or_environment(source, true);
    return {one.data.empty() ? "./data" : one.data, one.url};
  }
};

void add_filter(CLI::App& command, EventFilter& filter) {
  command.add_option("--tag", filter.tag, "Only events with this tag, such as insured:00500")
      ->check([](const std::string& tag) {
        return parse_tag(tag) ? std::string{}
                              : "'" + tag +
                                    "' is no tag: use insured:<id>, appointment:<uuid>, "
                                    "slot:<country>:<id> or deadletter:<uuid>";
      });
  command.add_option("--type", filter.type, "Only events of this type")
      ->check([](const std::string& type) {
        return is_event_type(type) ? std::string{} : "'" + type + "' is no event type";
      });
  command.add_option("--from", filter.from, "First position")->check(no_whole_number);
  command.add_option("--to", filter.to, "Last position")->check(no_whole_number);
}

void add_events(CLI::App& app, Action& action) {
  CLI::App& events = *app.add_subcommand("events", "Read the event log");
  events.require_subcommand(1);
  auto flags = std::make_shared<AuditFlags>();

  CLI::App& list = *events.add_subcommand("list", "A line for each event");
  add_source(list, flags->source, true);
  add_filter(list, flags->filter);
  list.add_option("--limit", flags->filter.limit, "At most so many")->check(no_whole_number);
  add_output(list, flags->output);
  list.callback([flags, &action] {
    action = [flags] { return list_events(flags->chosen(), flags->filter, flags->output); };
  });

  CLI::App& show = *events.add_subcommand("show", "One event");
  show.add_option("position", flags->position, "Its position")->required()->check(no_whole_number);
  add_source(show, flags->source, true);
  add_output(show, flags->output);
  show.callback([flags, &action] {
    action = [flags] { return show_event(flags->chosen(), flags->position, flags->output); };
  });

  CLI::App& whole = *events.add_subcommand("export", "The stored bytes, one event a line (NDJSON)");
  add_source(whole, flags->source, true);
  add_filter(whole, flags->filter);
  whole.callback([flags, &action] {
    action = [flags] { return export_events(flags->chosen(), flags->filter); };
  });
}

void add_verify(CLI::App& app, Action& action) {
  auto flags = std::make_shared<AuditFlags>();
  CLI::App& command = *app.add_subcommand("verify", "Prove that the log is whole and unaltered");
  add_source(command, flags->source, true);
  command
      .add_option("--expect", flags->expect,
                  "POSITION:HASH of a head written down earlier, which must be in the chain")
      ->check(no_text);
  add_output(command, flags->output);
  command.add_flag("--quiet", flags->quiet, "No progress");
  command.callback([flags, &action] {
    action = [flags] {
      VerifyCommand verify{flags->chosen(), std::nullopt, flags->output, flags->quiet};
      if (!flags->expect.empty()) {
        verify.expected = parse_expected_head(flags->expect);
        if (!verify.expected) {
          return refuse({ErrorCode::kInvalidArgument,
                         "--expect: use POSITION:HASH, the hash as 64 hex digits"});
        }
      }
      return verify_log(verify);
    };
  });
}

void add_replay(CLI::App& app, Action& action) {
  struct Flags {
    std::string data = "./data";
    ReplayOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App& command =
      *app.add_subcommand("replay", "Fold the log anew and show what the read models come to");
  add_data(command, flags->data);
  command.add_option("--until", flags->options.until, "Last position; the whole log without")
      ->check(no_whole_number);
  add_output(command, flags->options.output);
  command.add_flag("--quiet", flags->options.quiet, "No progress");
  command.callback([flags, &action] {
    action = [flags] {
      flags->options.data = flags->data;
      return replay_log(flags->options);
    };
  });
}

}  // namespace

void add_audit(CLI::App& app, Action& action) {
  add_events(app, action);
  add_verify(app, action);
  add_replay(app, action);
}

}  // namespace citas::ops

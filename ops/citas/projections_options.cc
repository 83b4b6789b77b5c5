// The options of `citas projections`.
#include <memory>

#include "ops/citas/projections_command.h"

namespace citas::ops {

void add_projections(CLI::App& app, Action& action) {
  struct Flags {
    Target target;
    Source source;
    std::string name;

    const Target& resolved() {
      resolve(source, target);
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

}  // namespace citas::ops

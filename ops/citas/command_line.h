// What the options of several commands have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "events/base/number.h"
#include "ops/citas/target.h"
#include "ops/citas/terminal.h"

namespace citas::ops {

// What a command line came to: the command's own function, run after parsing.
using Action = std::function<int()>;

inline void add_output(CLI::App& command, Output& output) {
  command
      .add_option_function<std::string>(
          "-o,--output",
          [&output](const std::string& form) {
            output = form == "json" ? Output::kJson : Output::kTable;
          },
          "Form of the result: table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

// Says what is wrong with a value that has to be a whole number: the parser alone would take "-1"
// for the greatest, and a number that is too large for that, too.
inline std::string no_whole_number(const std::string& text) {
  if (parse_number<std::uint64_t>(text)) return {};
  return "'" + text + "' is no whole number from 0 to 18446744073709551615";
}

// Says so of a value that is empty, as a variable of a script is that was never set: it must not
// come to mean the default, or the folder one happens to be in.
inline std::string no_text(const std::string& text) {
  return text.empty() ? "is empty; name one, or leave the option away" : "";
}

inline CLI::Option* add_data(CLI::App& command, std::string& data) {
  return command.add_option("--data", data, "Data folder")->check(no_text)->envname("CITAS_DATA");
}

// What a command looks at: a stopped server's folder, or a running server. Empty: not given.
struct Source {
  std::string data;
  std::string url;
};

// --data and --url, of which a command line may have one. What the environment says counts only
// where it has neither, so that a variable set for another command never stands in the way: first
// CITAS_URL, then, with `folder_by_environment`, CITAS_DATA.
inline void add_source(CLI::App& command, Source& source, bool folder_by_environment) {
  auto* data = command.add_option(
      "--data", source.data,
      folder_by_environment ? "A stopped server's data folder, or a copy of it (Env:CITAS_DATA)"
                            : "A stopped server's data folder");
  data->check(no_text);
  command.add_option("--url", source.url, "A running server (Env:CITAS_URL)")
      ->check(no_text)
      ->excludes(data);
}

inline Source or_environment(Source source, bool folder_by_environment) {
  if (!source.data.empty() || !source.url.empty()) return source;
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  source.url = variable("CITAS_URL");
  if (source.url.empty() && folder_by_environment) source.data = variable("CITAS_DATA");
  return source;
}

// What `source` and the environment say, in place of the target's defaults.
inline void resolve(const Source& source, Target& target) {
  const Source chosen = or_environment(source, false);
  if (!chosen.data.empty()) target.data = chosen.data;
  if (!chosen.url.empty()) target.url = chosen.url;
}

}  // namespace citas::ops

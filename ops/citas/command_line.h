// What the options of several commands have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

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

}  // namespace citas::ops

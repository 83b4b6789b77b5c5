// `citas deadletters list|show|retry|discard`: on a running server; list and show also, with
// --data, on a stopped one's folder or a copy of it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "ops/citas/command_line.h"
#include "ops/citas/target.h"

namespace citas::ops {

struct DeadLettersListing {
  std::string state;  // empty: all
  std::string order = "desc";
  std::size_t limit = 50;
};

// Each returns the process's exit code. Of several letters, those that can be are decided, and the
// code is that of the last that could not.
int list_dead_letters(const Target& target, const DeadLettersListing& listing);
int show_dead_letter(const Target& target, const std::string& id);
int retry_dead_letters(const Target& target, const std::vector<std::string>& ids);
// Those that are open when the command begins.
int retry_all_open(const Target& target);
int discard_dead_letters(const Target& target, const std::vector<std::string>& ids,
                         const std::string& reason);

// Adds the command and its options; `action` is set when the command line is this command's.
void add_dead_letters(CLI::App& app, Action& action);

}  // namespace citas::ops

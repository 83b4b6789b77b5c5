// The auditor's commands: `citas events list|show|export`, `citas verify`, `citas replay`.
//
// They work on a stopped server's folder or a copy of it (--data, opened read-only), or, where that
// makes sense, on a running server (--url).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "events/ids.h"
#include "events/verify.h"
#include "ops/citas/command_line.h"
#include "ops/citas/terminal.h"

namespace citas::ops {

// Where the events are: a folder, unless a URL is given.
struct EventSource {
  std::filesystem::path data = "./data";
  std::string url;
};

struct EventFilter {
  std::string tag;   // one that parse_tag() takes; empty: any
  std::string type;  // of an event; empty: any
  std::uint64_t from = 1;
  std::uint64_t to = UINT64_MAX;
  std::size_t limit = SIZE_MAX;
};

struct ReplayOptions {
  std::filesystem::path data = "./data";
  std::optional<std::uint64_t> until;
  Output output = Output::kTable;
  bool quiet = false;
};

struct VerifyCommand {
  EventSource source;
  std::optional<ExpectedHead> expected;
  Output output = Output::kTable;
  bool quiet = false;
};

// Each returns the process's exit code; results on stdout, errors and progress on stderr.
int list_events(const EventSource& source, const EventFilter& filter, Output output);
int show_event(const EventSource& source, std::uint64_t position, Output output);
int export_events(const EventSource& source, const EventFilter& filter);
int verify_log(const VerifyCommand& command);
int replay_log(const ReplayOptions& options);

// Adds the commands to the command line.
void add_audit(CLI::App& app, Action& action);

}  // namespace citas::ops

// The commands `citas backup create|list|verify|restore`.
//
// create reads the log's folder beside its server, if there is one: what the head marker had
// reached when it began. It asks nothing of the server and needs no more than its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "ops/citas/command_line.h"
#include "ops/citas/terminal.h"

namespace citas::ops {

struct BackupTarget {
  std::filesystem::path backups = "./backups";
  std::string id;  // empty: the newest, or all
  Output output = Output::kTable;
  bool quiet = false;
};

struct BackupCreateOptions {
  bool full = false;
  std::uint32_t full_if_older_than_hours = 0;  // 0: only where there is no other
  std::uint32_t keep_full = 30;
  std::uint32_t keep_incremental_days = 7;
  std::uint32_t max_mib_per_second = 0;  // 0: no limit
};

// Each returns the process's exit code; results on stdout, errors and progress on stderr.
int create_backup(const BackupTarget& target, const std::filesystem::path& data,
                  const BackupCreateOptions& options);
int list_backups(const BackupTarget& target);
int verify_backups(const BackupTarget& target);
// `until`: a position, a time, or nothing.
int restore_backup(const BackupTarget& target, const std::filesystem::path& data,
                   const std::string& until);

// Adds the command and its options; `action` is set when the command line is this command's.
void add_backup(CLI::App& app, Action& action);

}  // namespace citas::ops

// The options of `citas backup`.
#include <memory>

#include "ops/citas/backup_command.h"

namespace citas::ops {
namespace {

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

}  // namespace

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

}  // namespace citas::ops

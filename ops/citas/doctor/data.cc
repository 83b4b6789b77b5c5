#include "ops/citas/doctor/data.h"

#include <fmt/format.h>

#include "ops/citas/backup_watch.h"

namespace citas::ops::doctor {
namespace {

constexpr char kFolder[] = "data.folder";
constexpr char kLock[] = "data.lock";
constexpr char kLog[] = "data.log";
constexpr char kLeftovers[] = "data.leftovers";
constexpr char kBackups[] = "backups.last";

constexpr unsigned kOthersMayWrite = 0022;
constexpr unsigned kOthersMayRead = 0055;

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

Finding check_permissions(const FolderFacts& facts) {
  const std::string path = facts.folder.string();
  const std::string whose =
      fmt::format("{} belongs to {}, mode {:04o}", path, facts.owner, facts.permissions);
  if ((facts.permissions & kOthersMayWrite) != 0) {
    return fail(kFolder, whose + ": others may change or delete it", "chmod 700 " + path);
  }
  if ((facts.permissions & kOthersMayRead) != 0) {
    return warn(kFolder, whose + ": others may read who is treated where", "chmod 700 " + path);
  }
  return ok(kFolder, whose);
}

}  // namespace

Finding check_folder(const FolderFacts& facts) {
  const std::string path = facts.folder.string();
  if (!facts.exists && facts.writable) {
    return warn(kFolder, path + " does not exist",
                "citas serve creates it; if it should be there, check --data and what is mounted");
  }
  if (!facts.exists) {
    return fail(kFolder, path + " does not exist, and this user may not create it",
                "create it for the user of the server, mode 700");
  }
  if (!facts.is_folder) return fail(kFolder, path + " is not a folder", "check --data");
  if (!facts.writable && facts.on_read_only_disk) {
    return fail(kFolder, path + " lies on a disk that is mounted read-only",
                "see what the kernel says of that disk (dmesg), and ops/runbooks/disk-dying.md");
  }
  if (!facts.writable) {
    return fail(
        kFolder,
        fmt::format("{} belongs to {}, and this user may not write to it", path, facts.owner),
        "run as that user, or give it to the server's: chown -R");
  }
  if (!facts.foreign.empty()) {
    return fail(
        kFolder,
        fmt::format("{} belongs to {}, but not {}", path, facts.owner, joined(facts.foreign)),
        fmt::format("a command ran as another user; chown -R {} {}", facts.owner, path));
  }
  return check_permissions(facts);
}

Finding check_lock(const std::optional<LockHolder>& holder) {
  if (!holder) return ok(kLock, "nobody holds the log");
  const std::string who = describe(holder->process);
  if (holder->process.is_server()) return ok(kLock, "held by the running server, " + who);
  return warn(kLock, "the log is held by " + who,
              "citas serve is refused until that has ended; wait, or end it");
}

Finding check_log(const LogFacts& facts) {
  const std::string path = facts.folder.string();
  if (!facts.may_be_begun) return fail(kLog, facts.may_be_begun.error().message, "");
  if (!facts.exists) {
    return warn(kLog, "there is no log in " + facts.place,
                "citas serve creates an empty one; if there should be one, check --data and what "
                "is mounted, or see ops/runbooks/restore-to-a-point-in-time.md");
  }
  if (facts.end) {
    const Head& head = facts.end->head;
    if (head.position.value() == 0) {
      return warn(kLog, "the log in " + facts.place + " is empty",
                  "if it should hold something, stop the server and see what is mounted");
    }
    return ok(kLog, fmt::format("ends at position {}, epoch {}, as its head marker says; citas "
                                "verify proves all of it",
                                head.position.value(), head.epoch.value()));
  }
  const Error& error = facts.end.error();
  if (error.code == ErrorCode::kNotFound) {
    Finding lost = fail(kLog, path + " has a head marker but no database",
                        "see ops/runbooks/corrupted-log.md");
    lost.is_damage = true;
    return lost;
  }
  // Its message says what to do.
  if (error.code == ErrorCode::kUnavailable) return fail(kLog, error.message, "");
  Finding wrong = fail(kLog, error.message, "do not start the server on it before you have a copy");
  wrong.is_damage = error.code == ErrorCode::kCorruption;
  return wrong;
}

Finding check_leftovers(const std::vector<std::string>& names) {
  if (names.empty()) return ok(kLeftovers, "nothing was left behind");
  return warn(kLeftovers, "left behind: " + joined(names),
              "log.restoring: give the same citas backup restore again; log.before and other "
              "copies: delete them once the restore is settled, see "
              "ops/runbooks/restore-to-a-point-in-time.md");
}

Finding check_backups(const BackupFacts& facts) {
  constexpr char kNext[] =
      "see systemctl status citas-backup.timer citas-backup.service, and "
      "ops/runbooks/restore-to-a-point-in-time.md";
  if (!facts.last) return warn(kBackups, facts.last.error().message, kNext);
  if (!*facts.last) {
    return warn(kBackups, "there is no whole backup of this log in " + facts.folder.string(),
                kNext);
  }
  const std::string when = fmt::format("the last whole one in {} was made at {}",
                                       facts.folder.string(), format_rfc3339(**facts.last));
  return facts.now - **facts.last > kBackupTooOld ? warn(kBackups, when, kNext)
                                                  : ok(kBackups, when);
}

}  // namespace citas::ops::doctor

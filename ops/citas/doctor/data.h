// The data folder: whose it is, who holds it, what is in its log, what was left lying about.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "events/base/result.h"
#include "events/base/time.h"
#include "events/event_log.h"
#include "events/log_identity.h"
#include "ops/citas/doctor/finding.h"
#include "ops/citas/doctor/process.h"

namespace citas::ops::doctor {

struct FolderFacts {
  std::filesystem::path folder;
  bool exists = false;
  bool is_folder = false;
  bool writable = false;  // for this user; without a folder: whether it could be made
  bool on_read_only_disk = false;
  std::string owner;
  unsigned permissions = 0;  // such as 0750
  // Below it, what belongs to other users; only a few are named.
  std::vector<std::string> foreign;
};

// Where a log ends.
struct LogEnd {
  Head head;
  std::optional<Timestamp> latest;  // of all its events
  LogIdentity log = {};
};

struct LogFacts {
  std::filesystem::path folder;
  bool exists = false;
  Result<LogEnd> end;
  std::string place = {};    // the folder, its file system, and where that is mounted
  Status may_be_begun = {};  // by a server, where there is none
};

struct BackupFacts {
  std::filesystem::path folder;
  Result<std::optional<Timestamp>> last;  // when the newest whole one of this log was made
  Timestamp now;
};

FolderFacts look_at_folder(const std::filesystem::path& data);
std::optional<LockHolder> look_at_lock(const std::filesystem::path& data);
// Opens it as one that is being written to, without a lock. `must_exist`: --existing-log.
LogFacts look_at_log(const std::filesystem::path& data, bool must_exist);
// Names of what an interrupted or finished job of an operator has left in the folder.
std::vector<std::string> look_for_leftovers(const std::filesystem::path& data);
BackupFacts look_at_backups(const std::filesystem::path& folder, const LogIdentity& log);

Finding check_folder(const FolderFacts& facts);
Finding check_lock(const std::optional<LockHolder>& holder);
Finding check_log(const LogFacts& facts);
Finding check_leftovers(const std::vector<std::string>& names);
Finding check_backups(const BackupFacts& facts);

}  // namespace citas::ops::doctor

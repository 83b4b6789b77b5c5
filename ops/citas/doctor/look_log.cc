#include "events/base/folder.h"
#include "ops/citas/doctor/data.h"
#include "ops/citas/offline_log.h"

namespace citas::ops::doctor {
namespace {

Result<LogEnd> end_of(const std::filesystem::path& data) {
  const auto offline = OfflineLog::open(data, RocksDbEventLog::Mode::kFollow);
  if (!offline) return failure(offline.error());
  LogEnd end{.head = (*offline)->log().head(), .latest = {}};
  if (end.head.position.value() == 0) return end;
  const auto last = read_one((*offline)->log(), end.head.position);
  if (!last) return failure(last.error());
  end.latest = last->running_maximum;
  return end;
}

}  // namespace

LogFacts look_at_log(const std::filesystem::path& data) {
  const std::filesystem::path folder = data / "log";
  // What this user may not look into is not missing: opening it says so.
  const bool is_accessible = check_accessible(folder).has_value();
  std::error_code ignored;
  const auto exists = [&](const char* name) {
    return std::filesystem::exists(folder / name, ignored);
  };
  if (is_accessible && !exists("db") && !exists("HEAD")) return {folder, false, LogEnd{}};
  return {folder, true, end_of(data)};
}

}  // namespace citas::ops::doctor

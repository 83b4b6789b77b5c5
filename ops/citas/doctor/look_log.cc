#include "ops/citas/doctor/data.h"
#include "ops/citas/new_log.h"
#include "ops/citas/offline_log.h"

namespace citas::ops::doctor {
namespace {

Result<LogEnd> end_of(const std::filesystem::path& data) {
  const auto offline = OfflineLog::open(data, RocksDbEventLog::Mode::kFollow);
  if (!offline) return failure(offline.error());
  LogEnd end{(*offline)->log().head(), {}, (*offline)->log().identity()};
  if (end.head.position.value() == 0) return end;
  const auto last = read_one((*offline)->log(), end.head.position);
  if (!last) return failure(last.error());
  end.latest = last->running_maximum;
  return end;
}

}  // namespace

LogFacts look_at_log(const std::filesystem::path& data, bool must_exist) {
  const std::filesystem::path folder = data / "log";
  const std::string place = describe_place(folder);
  if (has_log(data)) return {folder, true, end_of(data), place};
  return {folder, false, LogEnd{}, place, check_may_begin_log(data, must_exist)};
}

}  // namespace citas::ops::doctor

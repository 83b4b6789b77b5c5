#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "api/http/server.h"
#include "events/base/clock.h"
#include "ops/citas/doctor/host.h"
#include "ops/citas/doctor/process.h"

namespace citas::ops::doctor {
namespace {

std::uint64_t installed_memory() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What the process's cgroup (version 2) may use; UINT64_MAX when it is not limited.
std::uint64_t cgroup_memory(pid_t pid) {
  const std::string groups = read_text(fmt::format("/proc/{}/cgroup", pid));
  constexpr std::string_view kUnified = "0::";
  const std::size_t at = groups.find(kUnified);
  if (at == std::string::npos) return UINT64_MAX;
  const std::size_t begin = at + kUnified.size();
  const std::string path = groups.substr(begin, groups.find('\n', begin) - begin);
  const std::string limit = read_text("/sys/fs/cgroup" + path + "/memory.max");
  std::uint64_t bytes = UINT64_MAX;
  const auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), bytes);
  return error == std::errc{} ? bytes : UINT64_MAX;
}

std::uint64_t open_files_of(pid_t pid) {
  rlimit limit{};
  if (::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) != 0) ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

unsigned cores_of(pid_t pid) {
  cpu_set_t allowed;
  if (::sched_getaffinity(pid, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&allowed));
}

}  // namespace

LimitFacts look_at_limits(std::optional<pid_t> server) {
  const pid_t pid = server.value_or(::getpid());
  return {.whose = server ? "the server" : "this shell",
          .open_files = open_files_of(pid),
          .connections = api::http::Options{}.max_connections,
          .memory_bytes = std::min(installed_memory(), cgroup_memory(pid)),
          .cores = cores_of(pid)};
}

ClockFacts look_at_clock(std::optional<Timestamp> latest_event) {
  timex asked{};  // no modes: only reads
  const int state = ::adjtimex(&asked);
  return {.now = SystemClock{}.now(),
          .latest = latest_event,
          .synchronised = state < 0 ? std::nullopt : std::optional(state != TIME_ERROR),
          .uncertainty = std::chrono::microseconds{asked.maxerror}};
}

std::optional<bool> clock_is_synchronised() { return look_at_clock(std::nullopt).synchronised; }

}  // namespace citas::ops::doctor

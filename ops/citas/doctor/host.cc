#include "ops/citas/doctor/host.h"

#include <fmt/format.h>

#include "ops/citas/free_space.h"

namespace citas::ops::doctor {
namespace {

constexpr char kFiles[] = "limits.files";
constexpr char kMemory[] = "limits.memory";
constexpr char kCores[] = "limits.cores";
constexpr char kOrder[] = "clock.log";
constexpr char kSynchronised[] = "clock.sync";

// Of databases, bus and countries, beside one for each connection.
constexpr std::uint64_t kOtherFiles = 1'024;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kLittleMemory = kGiB;
constexpr std::uint64_t kTooLittleMemory = kGiB / 4;
// The two that all figures were measured on.
constexpr unsigned kCoresMeasured = 2;
// What a clock that is being kept right may be set back by.
constexpr std::chrono::seconds kTolerance{1};

Finding check_files(const LimitFacts& facts) {
  const std::uint64_t needed = facts.connections + kOtherFiles;
  const std::string have = fmt::format("{} may open {} files, {} needs {}", facts.whose,
                                       facts.open_files, "a full server", needed);
  const char* const next = "raise it: LimitNOFILE= of the systemd unit, or ulimit -Hn";
  if (facts.open_files < kOtherFiles) return fail(kFiles, have, next);
  if (facts.open_files < needed) return warn(kFiles, have, next);
  return ok(kFiles, have);
}

Finding check_memory(std::uint64_t bytes) {
  const std::string have = format_bytes(bytes);
  const char* const next = "give the machine, or the server's cgroup, 1 GiB or more";
  if (bytes < kTooLittleMemory) return fail(kMemory, have, next);
  if (bytes < kLittleMemory) return warn(kMemory, have, next);
  return ok(kMemory, have);
}

Finding check_cores(unsigned cores) {
  const std::string have = fmt::format("{} to run on", cores);
  if (cores >= kCoresMeasured) return ok(kCores, have);
  return warn(kCores, have, "commands, reads and the bus share it; give it two or more");
}

Finding check_order(const ClockFacts& facts) {
  const std::string now = format_rfc3339(facts.now);
  if (!facts.latest) return ok(kOrder, "it is " + now + ", and the log has no events");
  const std::string latest = format_rfc3339(*facts.latest);
  if (facts.now + kTolerance >= *facts.latest) {
    return ok(kOrder, fmt::format("it is {}, not before the log's latest event", now));
  }
  return fail(kOrder,
              fmt::format("it is {}, but the log has an event of {}: the clock is wrong, or was",
                          now, latest),
              "see ops/runbooks/wrong-clock.md");
}

Finding check_synchronised(const ClockFacts& facts) {
  if (!facts.synchronised) {
    return warn(kSynchronised, "whether the clock is kept right cannot be asked here",
                "ask on the machine itself: timedatectl");
  }
  if (!*facts.synchronised) {
    return warn(kSynchronised, "the kernel has not been told that anybody keeps the clock right",
                "run chrony or systemd-timesyncd, see ops/runbooks/wrong-clock.md");
  }
  return ok(kSynchronised,
            fmt::format("kept right to {:.0f} ms",
                        std::chrono::duration<double, std::milli>(facts.uncertainty).count()));
}

}  // namespace

Findings check_limits(const LimitFacts& facts) {
  return {check_files(facts), check_memory(facts.memory_bytes), check_cores(facts.cores)};
}

Findings check_clock(const ClockFacts& facts) {
  return {check_order(facts), check_synchronised(facts)};
}

}  // namespace citas::ops::doctor

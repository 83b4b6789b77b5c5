// The operating system's side of a managed nats-server: finding the program, a free port, forking,
// and finding the orphan of an earlier crash.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "events/base/result.h"

namespace citas::workers {

// The version that citas is tested with.
inline constexpr char kNatsServerVersion[] = "2.9.10";

// The first executable of that name in PATH (a name with a slash stands for itself).
std::optional<std::string> find_program(const std::string& name);

// A free TCP port of loopback, below the range from which the kernel takes client ports: a client
// that keeps reconnecting to a port of that range may one day connect to itself and occupy it.
Result<std::uint16_t> pick_port();

// `bytes` random bytes from the kernel, in hex.
std::string random_hex(std::size_t bytes);

// Starts `program -c config` in a process group of its own, output appended to `output`. The child
// is killed when the calling thread ends. Inherits no other descriptor.
Result<pid_t> spawn_server(const std::string& program, const std::filesystem::path& config,
                           const std::filesystem::path& output);

// Remembers the process in a file, with its start time, since pids are used again.
Status write_pid_file(const std::filesystem::path& path, pid_t pid);
// The process of the pid file, if it still runs with this configuration.
std::optional<pid_t> running_server(const std::filesystem::path& pid_file,
                                    const std::filesystem::path& config);
// Kills the process of the pid file if it still runs with this configuration, and waits for its
// end.
Status kill_orphan(const std::filesystem::path& pid_file, const std::filesystem::path& config);

}  // namespace citas::workers

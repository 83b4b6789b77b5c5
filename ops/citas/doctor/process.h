// Processes of this machine, as /proc shows them. Other users' are seen only in part.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace citas::ops::doctor {

struct Process {
  pid_t pid = 0;
  std::string command;  // program and first argument, such as "citas serve"; no options, which
                        // may hold a password

  bool is_server() const { return command == "citas serve"; }
};

// "citas serve (pid 1234)".
std::string describe(const Process& process);

// From the content of /proc/PID/cmdline.
std::string command_of(std::string_view cmdline);
Process process_of(pid_t pid);

struct FileLock {
  pid_t pid = 0;
  bool exclusive = false;
  std::uint64_t device = 0;
};
// Who holds flock(2) locks on files with this inode number, from the content of /proc/locks.
std::vector<FileLock> locks_in(std::string_view proc_locks, std::uint64_t inode);

struct LockHolder {
  Process process;
  bool exclusive = false;
};
// Who holds the file's lock. The lock is not touched. nullopt: nobody, or there is no such file.
std::optional<LockHolder> holder_of(const std::filesystem::path& file);

// Who has a descriptor of this socket; nullopt: nobody whom this user may look at.
std::optional<Process> owner_of_socket(std::uint64_t inode);

// The whole file, or nothing. For the small ones of /proc and /sys.
std::string read_text(const std::filesystem::path& file);

}  // namespace citas::ops::doctor

#include "ops/citas/doctor/process.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "events/base/number.h"

namespace citas::ops::doctor {
namespace {

namespace fs = std::filesystem;

// "WRITE 9075 fe:00:10952877", which follows "1: FLOCK ADVISORY".
std::optional<FileLock> parse_lock(std::istringstream& fields, std::uint64_t inode) {
  std::string access;
  std::string file;
  FileLock lock;
  if (!(fields >> access >> lock.pid >> file)) return std::nullopt;
  unsigned major_number = 0;
  unsigned minor_number = 0;
  std::uint64_t found = 0;
  char separator = 0;
  std::istringstream numbers(file);
  numbers >> std::hex >> major_number >> separator >> minor_number >> separator >> std::dec >>
      found;
  if (!numbers || found != inode) return std::nullopt;
  lock.exclusive = access == "WRITE";
  lock.device = makedev(major_number, minor_number);
  return lock;
}

// Calls `visit` with the path of each descriptor of a process that this user may look at.
template <typename Visit>
bool any_descriptor(pid_t pid, const Visit& visit) {
  std::error_code error;
  for (fs::directory_iterator each(fmt::format("/proc/{}/fd", pid), error), end;
       !error && each != end; each.increment(error)) {
    if (visit(each->path())) return true;
  }
  return false;
}

bool has_open(pid_t pid, const struct stat& file) {
  return any_descriptor(pid, [&](const fs::path& descriptor) {
    struct stat found {};
    return ::stat(descriptor.c_str(), &found) == 0 && found.st_ino == file.st_ino &&
           found.st_dev == file.st_dev;
  });
}

bool has_socket(pid_t pid, const std::string& name) {
  return any_descriptor(pid, [&](const fs::path& descriptor) {
    std::error_code error;
    return fs::read_symlink(descriptor, error).string() == name;
  });
}

}  // namespace

std::string describe(const Process& process) {
  return fmt::format("{} (pid {})", process.command.empty() ? "a process" : process.command,
                     process.pid);
}

std::string command_of(std::string_view cmdline) {
  const std::string_view program = cmdline.substr(0, cmdline.find('\0'));
  std::string command(program.substr(program.rfind('/') + 1));
  cmdline.remove_prefix(std::min(cmdline.size(), program.size() + 1));
  const std::string_view argument = cmdline.substr(0, cmdline.find('\0'));
  if (!argument.empty() && argument.front() != '-' &&
      argument.find(':') == std::string_view::npos) {
    command.append(" ").append(argument);
  }
  return command;
}

Process process_of(pid_t pid) {
  return {pid, command_of(read_text(fmt::format("/proc/{}/cmdline", pid)))};
}

std::vector<FileLock> locks_in(std::string_view proc_locks, std::uint64_t inode) {
  std::vector<FileLock> found;
  std::istringstream lines{std::string(proc_locks)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number;
    std::string kind;
    std::string mode;
    // Those who wait for a lock have an arrow in the place of its kind.
    if (!(fields >> number >> kind >> mode) || kind != "FLOCK") continue;
    if (const auto lock = parse_lock(fields, inode)) found.push_back(*lock);
  }
  return found;
}

std::optional<LockHolder> holder_of(const fs::path& file) {
  struct stat known {};
  if (::stat(file.c_str(), &known) != 0) return std::nullopt;
  for (const FileLock& lock : locks_in(read_text("/proc/locks"), known.st_ino)) {
    // Some file systems show stat() another device than they show the kernel's list.
    if (lock.device != known.st_dev && !has_open(lock.pid, known)) continue;
    return LockHolder{process_of(lock.pid), lock.exclusive};
  }
  return std::nullopt;
}

std::optional<Process> owner_of_socket(std::uint64_t inode) {
  const std::string name = fmt::format("socket:[{}]", inode);
  std::error_code error;
  for (fs::directory_iterator each("/proc", error), end; !error && each != end;
       each.increment(error)) {
    const auto pid = parse_number<pid_t>(each->path().filename().string());
    if (pid && has_socket(*pid, name)) return process_of(*pid);
  }
  return std::nullopt;
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace citas::ops::doctor

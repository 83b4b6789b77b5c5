#include "workers/nats/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <ranges>
#include <sstream>
#include <thread>
#include <vector>

#include "events/base/check.h"
#include "events/base/hex.h"
#include "events/base/synced_file.h"

namespace citas::workers {
namespace {

constexpr std::uint16_t kFirstPort = 20000;
constexpr std::uint16_t kLastPort = 32000;
constexpr int kPortAttempts = 100;
constexpr std::chrono::seconds kOrphanTimeout{10};

Error system_error(const std::string& what) {
  return {ErrorCode::kUnavailable, what + ": " + std::strerror(errno)};
}

bool can_bind(std::uint16_t port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return false;
  const int on = 1;
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int bound = bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  close(socket_fd);
  return bound == 0;
}

// Field 22 of /proc/<pid>/stat: clock ticks between boot and the start of the process. Empty when
// there is none.
std::string start_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  // The second field, the name, may hold spaces; it ends at the last parenthesis.
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) rest >> field;
  return field;
}

bool runs_with(pid_t pid, const std::string& started, const std::filesystem::path& config) {
  if (start_time(pid) != started) return false;
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  const std::string command{std::istreambuf_iterator<char>(file), {}};
  return command.find(config.string()) != std::string::npos;
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become_server(char* const* arguments, int output, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before prctl.
  if (getppid() != parent) _exit(1);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  close_range(3, ~0U, 0);
  execv(arguments[0], arguments);
  _exit(127);
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  // Debian keeps nats-server in /usr/sbin, which a user's PATH may lack.
  const std::string folders =
      std::string(path == nullptr ? "" : path) + ":/usr/sbin:/usr/local/bin";
  for (const auto folder : std::views::split(folders, ':')) {
    std::string candidate(folder.begin(), folder.end());
    candidate.append("/").append(name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

Result<std::uint16_t> pick_port() {
  std::random_device random;
  std::uniform_int_distribution<std::uint16_t> ports(kFirstPort, kLastPort);
  for (int i = 0; i < kPortAttempts; ++i) {
    const std::uint16_t port = ports(random);
    if (can_bind(port)) return port;
  }
  return failure(ErrorCode::kUnavailable, "no free port on 127.0.0.1 between " +
                                              std::to_string(kFirstPort) + " and " +
                                              std::to_string(kLastPort));
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  // Never short for so few bytes once the kernel has booted.
  CHECK(getrandom(random.data(), random.size(), 0) == static_cast<ssize_t>(bytes));
  return to_hex(random);
}

Result<pid_t> spawn_server(const std::string& program, const std::filesystem::path& config,
                           const std::filesystem::path& output) {
  std::string program_copy = program;
  std::string option = "-c";
  std::string config_copy = config.string();
  std::array<char*, 4> arguments{program_copy.data(), option.data(), config_copy.data(), nullptr};
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return failure(system_error("opening " + output.string()));
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) become_server(arguments.data(), file, parent);
  const auto started =
      child < 0 ? Result<pid_t>(failure(system_error("starting " + program))) : child;
  close(file);  // which may say something else of its own
  return started;
}

Status write_pid_file(const std::filesystem::path& path, pid_t pid) {
  return replace_file(path, std::to_string(pid) + " " + start_time(pid) + "\n");
}

std::optional<pid_t> running_server(const std::filesystem::path& pid_file,
                                    const std::filesystem::path& config) {
  std::ifstream file(pid_file);
  pid_t pid = 0;
  std::string started;
  if (!(file >> pid >> started) || pid <= 0 || !runs_with(pid, started, config)) {
    return std::nullopt;
  }
  return pid;
}

Status kill_orphan(const std::filesystem::path& pid_file, const std::filesystem::path& config) {
  const auto deadline = std::chrono::steady_clock::now() + kOrphanTimeout;
  while (const auto pid = running_server(pid_file, config)) {
    if (std::chrono::steady_clock::now() > deadline) {
      return failure(ErrorCode::kUnavailable, "the nats-server of an earlier run (pid " +
                                                  std::to_string(*pid) +
                                                  ") does not end: kill it, then start again");
    }
    kill(*pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return {};
}

}  // namespace citas::workers

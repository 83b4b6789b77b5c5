#include "workers/nats/managed_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 declares these functions without C linkage.
extern "C" {
#include <sys/pidfd.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "events/base/synced_file.h"
#include "workers/nats/server_probe.h"
#include "workers/nats/server_process.h"

namespace citas::workers {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{5000};
// A child that lived so long died of something new: the pause starts from the beginning.
constexpr std::chrono::seconds kStableAfter{30};
constexpr milliseconds kProbePause{20};
constexpr int kPortAttempts = 3;
// Of a child that was up before.
constexpr int kMostEndingsByItself = 3;
constexpr std::size_t kPasswordBytes = 24;

// In a nats-server configuration, strings are quoted as in JSON.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string config_text(const ManagedServerOptions& options, std::uint16_t port,
                        const std::string& user, const std::string& password) {
  return fmt::format(
      "# Written by citas at every start; changes are lost.\n"
      "host: 127.0.0.1\n"
      "port: {}\n"
      "server_name: citas\n"
      "max_payload: 1MB\n"
      "log_file: {}\n"
      "logfile_size_limit: 16MB\n"
      "authorization {{ user: {}, password: {}, timeout: 2 }}\n"
      "jetstream {{ store_dir: {}, max_memory_store: 64MB, max_file_store: {} }}\n",
      port, quoted((options.directory / "nats-server.log").string()), quoted(user),
      quoted(password), quoted((options.directory / "store").string()),
      options.max_file_store_bytes);
}

Error missing(const std::string& program) {
  return {ErrorCode::kFailedPrecondition,
          "the program " + program +
              " is not installed: apt-get install nats-server, or use --nats nats://HOST:PORT"};
}

// True when the descriptor became readable in time.
bool wait_readable(int descriptor, milliseconds timeout) {
  pollfd entry{.fd = descriptor, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, static_cast<int>(timeout.count())) > 0;
}

}  // namespace

ManagedServer::ManagedServer(ManagedServerOptions options)
    : options_(std::move(options)),
      config_path_(options_.directory / "nats-server.conf"),
      password_(random_hex(kPasswordBytes)),
      stop_event_(eventfd(0, EFD_CLOEXEC)) {}

ManagedServer::~ManagedServer() {
  supervisor_.request_stop();
  if (supervisor_.joinable()) supervisor_.join();
  if (stop_event_ >= 0) close(stop_event_);
}

// With the program's path, and an absolute folder that exists.
Result<ManagedServerOptions> ManagedServer::prepared(const ManagedServerOptions& options) {
  const auto program = find_program(options.program);
  if (!program) return failure(missing(options.program));
  ManagedServerOptions resolved = options;
  resolved.program = *program;
  std::error_code error;
  resolved.directory = std::filesystem::absolute(options.directory, error);
  std::filesystem::create_directories(resolved.directory, error);
  if (!error) {
    std::filesystem::permissions(resolved.directory, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return failure(ErrorCode::kUnavailable,
                   "creating " + resolved.directory.string() + ": " + error.message());
  }
  return resolved;
}

Result<std::unique_ptr<ManagedServer>> ManagedServer::begin(const ManagedServerOptions& options) {
  const auto resolved = prepared(options);
  if (!resolved) return failure(resolved.error());
  std::unique_ptr<ManagedServer> server(new ManagedServer(*resolved));
  if (auto launched = server->launch(); !launched) return failure(std::move(launched.error()));
  return server;
}

Result<std::unique_ptr<ManagedServer>> ManagedServer::start(const ManagedServerOptions& options) {
  Result<std::unique_ptr<ManagedServer>> server;
  // Another process may take the port between our look and the server's bind.
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    server = begin(options);
    if (!server) return server;
    const Status up = (*server)->wait_until_up();
    if (up) return server;
    server = failure(up.error());
    if (up.error().code != ErrorCode::kUnavailable) break;
  }
  return server;
}

NatsOptions ManagedServer::connection() const {
  NatsOptions options;
  options.url = "nats://127.0.0.1:" + std::to_string(port_);
  options.user = user_;
  options.password = password_;
  return options;
}

void ManagedServer::restart() {
  restart_requested_ = true;
  eventfd_write(stop_event_, 1);
}

Status ManagedServer::launch() {
  if (stop_event_ < 0) {
    return failure(ErrorCode::kUnavailable,
                   "nats-server cannot be watched: out of open files, see citas doctor");
  }
  auto killed = kill_orphan(options_.directory / "nats-server.pid", config_path_);
  if (!killed) return killed;
  const auto port = pick_port();
  if (!port) return failure(port.error());
  port_ = *port;
  auto written = replace_file(config_path_, config_text(options_, port_, user_, password_));
  if (!written) return written;
  supervisor_ = std::jthread([this](const std::stop_token& stop) { supervise(stop); });
  // From here on the pid file is of this server, not of an earlier one.
  spawn_tried_.wait(false);
  return {};
}

void ManagedServer::start_over() {
  delete_requested_ = true;
  restart();
}

Status ManagedServer::wait_until_up(const std::stop_token& stop) {
  const auto deadline = Steady::now() + options_.start_timeout;
  const std::uint64_t restarts = restarts_;
  while (!probe_server(connection()).jetstream) {
    if (Steady::now() > deadline || restarts_ > restarts + 1 || stop.stop_requested()) {
      return failure(ErrorCode::kUnavailable,
                     "nats-server does not come up: see " +
                         (options_.directory / "nats-server.log").string() + " and " +
                         (options_.directory / "nats-server.out").string());
    }
    std::this_thread::sleep_for(kProbePause);
  }
  NatsOptions anonymous = connection();
  anonymous.user.clear();
  if (probe_server(anonymous).connecting == Connecting::kRefused) {
    was_up_ = true;
    return {};
  }
  return failure(
      ErrorCode::kFailedPrecondition,
      std::string("nats-server lets anonymous clients in: check its version, expected is ") +
          kNatsServerVersion);
}

void ManagedServer::supervise(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { eventfd_write(stop_event_, 1); });
  milliseconds pause = kFirstPause;
  while (!stop.stop_requested()) {
    const auto started = Steady::now();
    const Ending ending = run_once(stop);
    if (stop.stop_requested()) return;
    const bool was_stable = Steady::now() - started > kStableAfter;
    if (was_stable) pause = kFirstPause;
    note(was_stable ? Ending::kKilled : ending);
    wait_readable(stop_event_, pause);
    pause = std::min(pause * 2, kLongestPause);
    ++restarts_;
  }
}

// Before it was up for the first time, whoever starts it decides.
void ManagedServer::note(Ending ending) {
  endings_by_itself_ = ending == Ending::kByItself && was_up_ ? endings_by_itself_ + 1 : 0;
  if (!delete_requested_.exchange(false) && endings_by_itself_ < kMostEndingsByItself) return;
  endings_by_itself_ = 0;
  delete_store();
}

void ManagedServer::delete_store() {
  std::error_code ignored;  // if it stays, the child ends again, and so it is tried again
  std::filesystem::remove_all(options_.directory / "store", ignored);
  ++deleted_stores_;
  options_.on_store_deleted();
}

void ManagedServer::tell_spawn_tried() {
  spawn_tried_ = true;
  spawn_tried_.notify_all();
}

ManagedServer::Ending ManagedServer::run_once(const std::stop_token& stop) {
  const auto child =
      spawn_server(options_.program, config_path_, options_.directory / "nats-server.out");
  if (!child) {
    tell_spawn_tried();
    return Ending::kKilled;
  }
  // Without the file an orphan would only be found by the kernel, which is the rule anyway.
  static_cast<void>(write_pid_file(options_.directory / "nats-server.pid", *child));
  const int pidfd = pidfd_open(*child, 0);
  // Out of descriptors: nobody could watch it. As after any other death, it is tried again.
  if (pidfd < 0) kill(*child, SIGKILL);
  pid_ = *child;
  tell_spawn_tried();
  const bool told = pidfd >= 0 && end_when_told(pidfd, stop);
  int status = 0;
  waitpid(*child, &status, 0);
  pid_ = 0;
  if (pidfd >= 0) close(pidfd);
  if (told) return Ending::kAsTold;
  return WIFEXITED(status) ? Ending::kByItself : Ending::kKilled;
}

// False: it has ended by itself.
bool ManagedServer::end_when_told(int pidfd, const std::stop_token& stop) {
  std::array<pollfd, 2> entries{pollfd{.fd = pidfd, .events = POLLIN, .revents = 0},
                                pollfd{.fd = stop_event_, .events = POLLIN, .revents = 0}};
  while (poll(entries.data(), entries.size(), -1) < 0 && errno == EINTR) {
  }
  if (restart_requested_.exchange(false)) {
    // A stop whose event is swallowed here is seen by the loop of supervise().
    eventfd_t ignored = 0;
    eventfd_read(stop_event_, &ignored);
  } else if (!stop.stop_requested()) {
    return false;
  }
  terminate(pidfd);
  return true;
}

void ManagedServer::terminate(int pidfd) {
  pidfd_send_signal(pidfd, SIGTERM, nullptr, 0);
  if (!wait_readable(pidfd, options_.stop_timeout)) pidfd_send_signal(pidfd, SIGKILL, nullptr, 0);
}

}  // namespace citas::workers

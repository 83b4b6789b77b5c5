// ManagedServer: a private nats-server of ours, on loopback, as a child process.
//
// Its folder holds the JetStream store, the configuration (mode 0600, with credentials that are
// generated at every start), the log and the pid file; the whole folder may be deleted while
// nothing runs. The child has a process group of its own and is killed by the kernel when the
// thread that forked it ends (PR_SET_PDEATHSIG), which is why one thread of this object forks and
// watches it. A child that dies is started again on the same port, after a pause that doubles up to
// 5 s. One that was up before and now ends by itself again and again cannot read its store (2.9.10
// panics on some damage): the store is deleted. It is a copy of the log, and filled again from
// there.
//
// Thread-safe.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "events/base/result.h"
#include "workers/nats/nats_options.h"

namespace citas::workers {

struct ManagedServerOptions {
  std::filesystem::path directory;      // created if missing
  std::string program = "nats-server";  // looked up in PATH
  std::uint64_t max_file_store_bytes = std::uint64_t{16} << 30;
  std::chrono::milliseconds start_timeout{std::chrono::seconds{20}};
  // After SIGTERM, before SIGKILL.
  std::chrono::milliseconds stop_timeout{std::chrono::seconds{5}};
  // Told when the store was deleted, on a thread of the server's own.
  std::function<void()> on_store_deleted = [] {};
};

class ManagedServer {
 public:
  // Kills what an earlier crash left running, starts the server and waits until JetStream answers
  // and an anonymous connection was seen to be refused. FailedPrecondition: the program is not
  // installed, or is not secured; Unavailable: it does not come up (the message says where its log
  // is), or the process may open no more files.
  static Result<std::unique_ptr<ManagedServer>> start(const ManagedServerOptions& options);
  // The same, but does not wait: what reading its store takes grows with it. Clients may connect at
  // once, and are connected when it is up.
  static Result<std::unique_ptr<ManagedServer>> begin(const ManagedServerOptions& options);
  // Waits until it is up, as start() does, with the same errors. Unavailable also when told to
  // stop.
  Status wait_until_up(const std::stop_token& stop = {});
  // Ends the child, deletes its store and starts it again.
  void start_over();
  // Stops the server and waits for its end.
  ~ManagedServer();
  ManagedServer(const ManagedServer&) = delete;
  ManagedServer& operator=(const ManagedServer&) = delete;

  // How to connect to it; valid across restarts of the child.
  NatsOptions connection() const;
  // Ends the child in order; it is started again at once, on the same port. Returns before.
  void restart();
  // 0 while it is down.
  pid_t pid() const { return pid_.load(); }
  // How often it had to be started again.
  std::uint64_t restarts() const { return restarts_.load(); }
  // How often its store had to be deleted.
  std::uint64_t deleted_stores() const { return deleted_stores_.load(); }
  std::uint64_t max_file_store_bytes() const { return options_.max_file_store_bytes; }

 private:
  explicit ManagedServer(ManagedServerOptions options);
  static Result<ManagedServerOptions> prepared(const ManagedServerOptions& options);
  Status launch();
  void supervise(const std::stop_token& stop);
  enum class Ending { kAsTold, kByItself, kKilled };
  Ending run_once(const std::stop_token& stop);
  bool end_when_told(int pidfd, const std::stop_token& stop);
  void tell_spawn_tried();
  void note(Ending ending);
  void delete_store();
  void terminate(int pidfd);

  const ManagedServerOptions options_;  // with the program's path
  std::filesystem::path config_path_;
  std::string user_ = "citas";
  std::string password_;
  std::uint16_t port_ = 0;
  std::atomic<pid_t> pid_{0};
  std::atomic<std::uint64_t> restarts_{0};
  std::atomic<std::uint64_t> deleted_stores_{0};
  std::atomic<bool> restart_requested_{false};
  std::atomic<bool> delete_requested_{false};
  std::atomic<bool> spawn_tried_{false};
  std::atomic<bool> was_up_{false};
  int endings_by_itself_ = 0;  // in a row; the supervisor's
  int stop_event_ = -1;        // an eventfd, readable once a stop or a restart is requested
  std::jthread supervisor_;
};

}  // namespace citas::workers

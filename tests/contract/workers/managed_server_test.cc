// The managed nats-server: secured, restarted, and never left behind.
#include "workers/nats/managed_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "tests/contract/workers/hooked_server.h"
#include "tests/support/temp_folder.h"
#include "workers/nats/nats_bus.h"
#include "workers/nats/server_process.h"
#include "workers/wakeup.h"

namespace citas::workers {
namespace {

using citas::testing::TempFolder;
using ::testing::HasSubstr;

bool soon(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  Wakeup nobody;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    nobody.wait_for(std::chrono::milliseconds{5});
  }
  return true;
}

bool running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  return line.substr(line.rfind(')')).find(" Z ") == std::string::npos;
}

// Whether the program with that argument runs in the process: it takes a moment after the fork.
bool runs_with_argument(pid_t pid, const std::string& argument) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  const std::string command{std::istreambuf_iterator<char>(file), {}};
  return command.find(argument) != std::string::npos;
}

TEST(ManagedServer, SaysWhatToDoWhenTheProgramIsMissing) {
  const TempFolder folder;
  const auto server =
      ManagedServer::start({.directory = folder.path(), .program = "no-such-server"});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(server.error().message, HasSubstr("apt-get install"));
}

TEST(ManagedServer, SaysWhereToLookWhenItDoesNotComeUp) {
  const TempFolder folder;
  const auto server = ManagedServer::start({.directory = folder.path(), .program = "/bin/false"});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(server.error().message, HasSubstr("nats-server.log"));
}

// A limit of the process that is reached is an error of the bus, and no end of the process.
TEST(ManagedServer, SaysSoWhereThereAreNoMoreDescriptors) {
  const TempFolder folder;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = dup(STDERR_FILENO);
  ASSERT_GE(lowest_free, 0);
  close(lowest_free);
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const auto server = ManagedServer::begin({.directory = folder.path()});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(server.error().message, HasSubstr("out of open files"));
}

TEST(ManagedServer, ConfigurationIsPrivate) {
  const TempFolder folder;
  const auto server = ManagedServer::start({.directory = folder.path() / "bus"});
  ASSERT_TRUE(server) << server.error().message;
  struct stat info {};
  ASSERT_EQ(stat((folder.path() / "bus/nats-server.conf").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(stat((folder.path() / "bus").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST(ManagedServer, RefusesAnotherPassword) {
  const TempFolder folder;
  const auto server = ManagedServer::start({.directory = folder.path()});
  ASSERT_TRUE(server) << server.error().message;
  NatsOptions options = (*server)->connection();
  options.password = "guess";
  Wakeup wakeup;
  const auto bus = NatsBus::open(options, wakeup);
  if (bus) {
    EXPECT_FALSE((*bus)->connected());
  }
}

TEST(ManagedServer, HasAProcessGroupOfItsOwn) {
  const TempFolder folder;
  const auto server = ManagedServer::start({.directory = folder.path()});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(getpgid((*server)->pid()), (*server)->pid());
}

TEST(ManagedServer, ComesBackOnTheSamePortWhenKilled) {
  const TempFolder folder;
  const auto server = ManagedServer::start({.directory = folder.path()});
  ASSERT_TRUE(server) << server.error().message;
  Wakeup wakeup;
  const auto bus = std::move(*NatsBus::open((*server)->connection(), wakeup));
  ASSERT_TRUE(soon([&] { return bus->connected(); }));
  const pid_t first = (*server)->pid();

  kill(first, SIGKILL);
  ASSERT_TRUE(soon([&] { return bus->connected() && bus->connection_count() == 2; }));
  EXPECT_NE((*server)->pid(), first);
  EXPECT_EQ((*server)->restarts(), 1U);
}

TEST(ManagedServer, AStoreThatItCannotReadAnyMoreIsDeleted) {
  const TempFolder folder;
  std::atomic<int> told = 0;
  const auto server =
      ManagedServer::start({.directory = folder.path() / "bus",
                            .program = citas::testing::hooked_nats_server(folder.path()),
                            .on_store_deleted = [&] { ++told; }});
  ASSERT_TRUE(server) << server.error().message;
  Wakeup wakeup;
  const auto bus = std::move(*NatsBus::open((*server)->connection(), wakeup));
  ASSERT_TRUE(soon([&] { return bus->connected(); }));
  ASSERT_TRUE(bus->ensure_stream({.name = "LETTERS", .subjects = {"letters.>"}}));

  // As a nats-server that panics on what it finds there.
  const std::string stream = (folder.path() / "bus/store/jetstream/$G/streams/LETTERS").string();
  citas::testing::hook(folder.path(), "if [ -e '" + stream + "' ]; then exit 2; fi");
  kill((*server)->pid(), SIGKILL);
  ASSERT_TRUE(soon([&] { return bus->connected() && bus->connection_count() == 2; }));
  EXPECT_EQ((*server)->deleted_stores(), 1U);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(bus->stream_info("LETTERS").error().code, ErrorCode::kNotFound);
}

TEST(ManagedServer, AStoreOutlivesAnyNumberOfKills) {
  const TempFolder folder;
  const auto server = ManagedServer::start({.directory = folder.path()});
  ASSERT_TRUE(server) << server.error().message;
  Wakeup wakeup;
  const auto bus = std::move(*NatsBus::open((*server)->connection(), wakeup));
  ASSERT_TRUE(soon([&] { return bus->connected(); }));
  ASSERT_TRUE(bus->ensure_stream({.name = "LETTERS", .subjects = {"letters.>"}}));
  for (std::uint64_t connection = 2; connection <= 5; ++connection) {
    kill((*server)->pid(), SIGKILL);
    ASSERT_TRUE(soon([&] { return bus->connected() && bus->connection_count() == connection; }));
  }
  EXPECT_EQ((*server)->deleted_stores(), 0U);
  EXPECT_TRUE(bus->stream_info("LETTERS"));
}

TEST(ManagedServer, EndsWithItsObject) {
  const TempFolder folder;
  auto server = ManagedServer::start({.directory = folder.path()});
  ASSERT_TRUE(server) << server.error().message;
  const pid_t pid = (*server)->pid();
  server->reset();
  EXPECT_FALSE(running(pid));
}

TEST(ManagedServer, DiesWithAProcessThatIsKilled) {
  const TempFolder folder;
  const pid_t parent = fork();
  if (parent == 0) {
    const auto server = ManagedServer::start({.directory = folder.path()});
    std::ofstream(folder.path() / "started") << (server ? (*server)->pid() : 0);
    pause();
    _exit(0);
  }
  pid_t server = 0;
  const bool started =
      soon([&] { return static_cast<bool>(std::ifstream(folder.path() / "started") >> server); });
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  ASSERT_TRUE(started);
  ASSERT_GT(server, 0);
  EXPECT_TRUE(soon([&] { return !running(server); }));
}

TEST(ManagedServer, KillsAnOrphanOfAnEarlierRun) {
  const TempFolder folder;
  pid_t orphan = 0;
  {
    const auto server = ManagedServer::start({.directory = folder.path()});
    ASSERT_TRUE(server) << server.error().message;
    std::filesystem::copy_file(folder.path() / "nats-server.conf", folder.path() / "kept.conf");
  }
  std::filesystem::rename(folder.path() / "kept.conf", folder.path() / "nats-server.conf");
  orphan = *spawn_server(*find_program("nats-server"), folder.path() / "nats-server.conf",
                         folder.path() / "orphan.out");
  ASSERT_TRUE(soon([&] { return runs_with_argument(orphan, "nats-server.conf"); }));
  ASSERT_TRUE(write_pid_file(folder.path() / "nats-server.pid", orphan));

  const auto server = ManagedServer::start({.directory = folder.path()});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_FALSE(running(orphan));
  kill(orphan, SIGKILL);
  waitpid(orphan, nullptr, 0);
}

TEST(ManagedServer, LeavesAForeignProcessWithTheSamePidAlone) {
  const TempFolder folder;
  ASSERT_TRUE(write_pid_file(folder.path() / "nats-server.pid", getpid()));
  EXPECT_TRUE(kill_orphan(folder.path() / "nats-server.pid", folder.path() / "nats-server.conf"));
}

}  // namespace
}  // namespace citas::workers

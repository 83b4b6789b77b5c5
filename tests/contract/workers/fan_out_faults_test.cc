// The fan-out on a real nats-server that is down, killed, wiped, and with processors that die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "events/base/synced_file.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/workers/fan_out.h"
#include "workers/nats/nats_bus.h"
#include "workers/nats/server_process.h"
#include "workers/rocksdb/rocksdb_country_store.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

using citas::testing::TempFolder;
using std::chrono::milliseconds;

// A nats-server that a test starts, kills and wipes as it likes.
class PlainServer {
 public:
  PlainServer() : port_(*pick_port()) {
    const auto written = replace_file(
        config(), "host: 127.0.0.1\nport: " + std::to_string(port_) + "\nlog_file: \"" +
                      (folder_.path() / "log").string() + "\"\njetstream { store_dir: \"" +
                      store().string() + "\", max_file_store: 1GB }\n");
    CHECK(written.has_value());
  }
  ~PlainServer() { kill_now(); }

  void start() {
    pid_ = *spawn_server(*find_program("nats-server"), config(), folder_.path() / "out");
  }
  void kill_now() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void wipe() { std::filesystem::remove_all(store()); }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

 private:
  std::filesystem::path config() const { return folder_.path() / "nats.conf"; }
  std::filesystem::path store() const { return folder_.path() / "store"; }

  TempFolder folder_;
  std::uint16_t port_;
  pid_t pid_ = 0;
};

class FanOutFaults : public ::testing::Test {
 protected:
  void SetUp() override { open_store(); }

  void open_store() { store_ = std::move(*RocksDbCountryStore::open(folder_.path() / "PE")); }
  void wipe_store() {
    store_.reset();
    std::filesystem::remove_all(folder_.path() / "PE");
    open_store();
  }
  // Connects all pieces; without the processor when another process has it.
  void connect(bool with_processor = true) {
    fan_out_.reset();
    NatsOptions options;
    options.url = server_.url();
    bus_ = std::move(*NatsBus::open(options, wakeup_));
    std::map<CountryCode, Country> countries;
    if (with_processor) countries[kPeru] = {store_.get(), &rules_};
    fan_out_ = std::make_unique<FanOut>(world_, *bus_, clock_, wakeup_, countries);
  }
  void disconnect() {
    fan_out_.reset();
    bus_.reset();
  }
  void request(int count) {
    for (int i = 0; i < count; ++i) all_.push_back(world_.request(kPeru));
  }
  // Steps until the condition holds. The log's clock runs faster than the real one, so that the
  // reconciler need not be waited for.
  bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{3};
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return give_up();
      const bool worked = fan_out_->step();
      world_.clock.advance(milliseconds{worked ? 1 : 50});
      if (!worked) wakeup_.wait_for(milliseconds{5});
    }
    return true;
  }
  // Says where things got stuck.
  bool give_up() {
    const RelayStats relay = fan_out_->relay().stats();
    ADD_FAILURE() << "bus " << bus_->connection() << "; relay at " << relay.published
                  << ", behind by " << relay.lag_events << ", rebuilds " << relay.rebuilds
                  << "; confirmations received "
                  << fan_out_->confirmations().counters().deliveries.value() << "; "
                  << fan_out_->relay().trouble();
    for (const StreamSpec& spec : stream_specs()) {
      const auto info = bus_->stream_info(spec.name);
      ADD_FAILURE() << spec.name << ": "
                    << (info ? std::to_string(info->last_sequence) : info.error().message);
    }
    return false;
  }
  bool all_confirmed() const { return world_.count("appointment.confirmed") == all_.size(); }
  void expect_settled_once() const {
    for (const AppointmentId appointment : all_) {
      ASSERT_EQ(world_.history(appointment),
                (std::vector<std::string>{"appointment.requested", "appointment.confirmed"}));
    }
  }

  LogWorld world_;
  SystemClock clock_;
  Wakeup wakeup_;
  TempFolder folder_;
  PlainServer server_;
  ConfiguredRules rules_;
  std::unique_ptr<RocksDbCountryStore> store_;
  std::unique_ptr<NatsBus> bus_;
  std::unique_ptr<FanOut> fan_out_;
  std::vector<AppointmentId> all_;
};

TEST_F(FanOutFaults, ABusThatIsDownAtTheStartIsWaitedFor) {
  connect();
  request(50);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(fan_out_->step());
  EXPECT_EQ(fan_out_->relay().stats().lag_events, 50U);
  server_.start();
  ASSERT_TRUE(eventually([&] { return all_confirmed(); }));
  expect_settled_once();
}

TEST_F(FanOutFaults, KilledMidLoadAndBack) {
  server_.start();
  connect();
  for (int round = 0; round < 3; ++round) {
    request(300);
    const std::size_t before = world_.count("appointment.confirmed");
    ASSERT_TRUE(eventually([&] { return world_.count("appointment.confirmed") > before; }));
    server_.kill_now();
    ASSERT_TRUE(eventually([&] { return !bus_->connected(); }));
    server_.start();
  }
  ASSERT_TRUE(eventually([&] { return all_confirmed(); }));
  expect_settled_once();
}

TEST_F(FanOutFaults, ItsStoreWipedWhileRunning) {
  server_.start();
  connect();
  request(300);
  ASSERT_TRUE(eventually([&] { return world_.count("appointment.confirmed") > 0; }));
  server_.kill_now();
  server_.wipe();
  request(100);
  server_.start();
  ASSERT_TRUE(eventually([&] { return all_confirmed(); }));
  expect_settled_once();
  EXPECT_TRUE(eventually([&] { return fan_out_->relay().stats().lag_events == 0; }));
}

// By an operator, while the connection stays as it is and nobody else is told.
TEST_F(FanOutFaults, ItsStreamsDeletedWhileRunning) {
  server_.start();
  connect();
  request(20);
  ASSERT_TRUE(eventually([&] { return all_confirmed(); }));
  for (const StreamSpec& spec : stream_specs()) {
    ASSERT_TRUE(bus_->delete_stream(spec.name));
    request(20);
    ASSERT_TRUE(eventually([&] { return all_confirmed(); })) << spec.name;
    ASSERT_TRUE(eventually([&] { return bus_->stream_info(spec.name).has_value(); }));
  }
  expect_settled_once();
  EXPECT_TRUE(eventually([&] { return fan_out_->relay().stats().lag_events == 0; }));
}

TEST_F(FanOutFaults, TheCountrysStoreAloneWiped) {
  server_.start();
  connect();
  request(100);
  ASSERT_TRUE(eventually([&] { return all_confirmed(); }));
  const auto acknowledged = [&] {
    const auto info = bus_->consumer_info("CITAS_EVENTS", "processor-PE");
    return info && info->ack_pending == 0 && info->pending == 0;
  };
  ASSERT_TRUE(eventually(acknowledged));
  disconnect();
  wipe_store();
  connect();
  request(10);
  ASSERT_TRUE(eventually([&] {
    return all_confirmed() && store_->find(all_.front()).value() && store_->find(all_[99]).value();
  }));
  expect_settled_once();
}

// Another process, with its arguments; killed when this object dies.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> arguments) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    CHECK(posix_spawn(&pid_, pointers[0], nullptr, nullptr, pointers.data(), environ) == 0);
  }
  ~ChildProcess() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool died() {
    if (pid_ != 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }

 private:
  pid_t pid_ = 0;
};

// It aborts on one appointment: once in a group, and then twice alone. Nobody else suffers for
// long.
TEST_F(FanOutFaults, AProcessorThatDiesOnOneMessage) {
  store_.reset();
  server_.start();
  connect(/*with_processor=*/false);
  request(40);
  const std::vector<std::string> command{POISONED_PROCESSOR, server_.url(),
                                         (folder_.path() / "PE").string(), "20"};
  auto processor = std::make_unique<ChildProcess>(command);
  int deaths = 0;
  ASSERT_TRUE(eventually([&] {
    if (processor->died()) {
      ++deaths;
      processor = std::make_unique<ChildProcess>(command);
    }
    return world_.count("appointment.confirmed") == 39 && world_.count("deadletter.recorded") == 1;
  }));
  EXPECT_EQ(deaths, 3);
  for (const Event& event : world_.events()) {
    const auto* letter = std::get_if<DeadLetterRecorded>(&event.data);
    if (letter == nullptr) continue;
    EXPECT_EQ(letter->appointment, all_[19]);
    EXPECT_EQ(letter->attempts, 3U);
    EXPECT_EQ(letter->reason.text(), "processing_failed");
  }
}

TEST_F(FanOutFaults, AProcessorKilledMidBatch) {
  store_.reset();
  server_.start();
  connect(/*with_processor=*/false);
  const std::vector<std::string> command{POISONED_PROCESSOR, server_.url(),
                                         (folder_.path() / "PE").string(), "0"};
  for (int round = 0; round < 4; ++round) {
    auto processor = std::make_unique<ChildProcess>(command);
    request(200);
    const std::size_t before = world_.count("appointment.confirmed");
    ASSERT_TRUE(eventually([&] { return world_.count("appointment.confirmed") > before; }));
  }
  const ChildProcess processor(command);
  ASSERT_TRUE(eventually([&] { return all_confirmed(); }));
  expect_settled_once();
}

}  // namespace
}  // namespace citas::workers

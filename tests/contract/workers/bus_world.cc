#include "tests/contract/workers/bus_world.h"

#include "events/base/check.h"
#include "events/base/clock.h"
#include "tests/support/temp_folder.h"
#include "workers/memory/memory_bus.h"
#include "workers/nats/managed_server.h"
#include "workers/nats/nats_bus.h"

namespace citas::workers {
namespace {

using citas::testing::TempFolder;

constexpr std::chrono::milliseconds kTick{5};
constexpr std::chrono::seconds kPatience{60};

class MemoryWorld final : public BusWorld {
 public:
  std::unique_ptr<Bus> connect() override { return std::make_unique<MemoryBus>(broker_); }
  void pause() override { clock_.advance(kTick); }

 private:
  ManualClock clock_{Timestamp{}};
  MemoryBroker broker_{clock_};
};

class NatsWorld final : public BusWorld {
 public:
  NatsWorld() {
    auto server = ManagedServer::start({.directory = folder_.path()});
    CHECK(server.has_value());
    server_ = std::move(*server);
  }
  std::unique_ptr<Bus> connect() override {
    auto bus = NatsBus::open(server_->connection(), wakeup_);
    CHECK(bus.has_value());
    return std::move(*bus);
  }
  void pause() override { wakeup_.wait_for(kTick); }

 private:
  TempFolder folder_;
  Wakeup wakeup_;
  std::unique_ptr<ManagedServer> server_;
};

}  // namespace

std::unique_ptr<BusWorld> memory_world() { return std::make_unique<MemoryWorld>(); }
std::unique_ptr<BusWorld> nats_world() { return std::make_unique<NatsWorld>(); }

bool eventually(BusWorld& world, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    world.pause();
  }
  return true;
}

}  // namespace citas::workers

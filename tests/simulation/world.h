// World: a whole system, its clients and its faults, on one thread and from one seed.
//
// A run has two halves. First anything may happen at any moment; then the faults stop, everything
// is started, the clock runs on, and the world must come to rest as the model says.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/model.h"
#include "tests/simulation/processes.h"
#include "tests/simulation/visits.h"

namespace citas::simulation {

struct Verdict {
  std::string violation;              // empty: none
  std::uint64_t digest = 0;           // of everything that happened: the same for the same seed
  std::uint64_t events = 0;           // in the log
  FaultCounts faults{};               // that happened, by kind
  std::chrono::milliseconds time{0};  // that passed in the world
};

using Trace = std::function<void(std::string_view line)>;

class World {
 public:
  // `trace` is told what happens, where there is one. A canary takes a safeguard away.
  explicit World(std::uint64_t seed, Trace trace = {}, Canary canary = Canary::kNone);
  Verdict run();

 private:
  struct Country {
    CountryCode code;
    CountryDisk disk;
    Fuse fuse;
    std::unique_ptr<Worker> worker;
    std::vector<workers::MemoryCountryStore> copies;
  };

  void turn();
  void start_something();
  void step_something();
  void inject_faults();
  void inject_bus_faults();
  void inject_store_faults();
  void take_copies();

  Process* process(std::size_t index);
  std::size_t processes() const { return 1 + countries_.size(); }
  bool step(std::size_t process, std::size_t part);
  void start(std::size_t process);
  // Its messages did nothing to deserve it.
  void crash(std::size_t process);
  void drop(std::size_t process);
  void cut_power();
  void set_back_bus();
  void advance(std::chrono::milliseconds by);

  void calm_down();
  // Steps everything until nothing has anything to do.
  void settle();
  bool step_everything();
  std::string judge();
  void note(std::string_view what, std::uint64_t number = 0);

  Random random_;
  const Trace trace_;
  Adversary adversary_;
  Verdict verdict_;
  ManualClock clock_;
  SeededIdSource ids_;
  const Codec codec_;
  MemoryEventLog log_;
  MemoryBroker broker_;
  std::vector<MemoryBroker::Store> copies_of_bus_;
  const VisitRules rules_{};
  const Surroundings around_;
  std::unique_ptr<projections::MemoryGenerations> models_;
  std::vector<Country> countries_;
  Clients clients_;
  Fuse server_fuse_;
  std::unique_ptr<Server> server_;
  std::uint64_t session_ = 0;  // of the server
  std::uint64_t crashes_ = 0;
  History history_;
  Position history_ends_;
};

}  // namespace citas::simulation

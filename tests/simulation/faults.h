// What can go wrong in a simulated run. Which of it does, and how often, is the seed's choice: most
// runs have few kinds of faults, so that some get far and others get nowhere.
#pragma once

#include <cstdint>

#include "tests/simulation/random.h"

namespace citas::simulation {

// Thrown through the product's code: its process dies here.
struct Crash {};

// Burns with every call that a process makes to the world outside.
class Fuse {
 public:
  void light(std::uint64_t calls) { left_ = calls + 1; }
  void put_out() { left_ = 0; }
  void burn() {
    if (left_ > 0 && --left_ == 0) throw Crash{};
  }

 private:
  std::uint64_t left_ = 0;  // 0: not lit
};

// Chances in thousandths: of each message, or of each call.
struct BusFaults {
  std::uint64_t lose_publication = 0;
  std::uint64_t repeat_publication = 0;
  std::uint64_t lose_ack = 0;  // of a publication
  std::uint64_t lose_delivery = 0;
  std::uint64_t lose_settlement = 0;  // acks and naks of what was delivered
  std::uint64_t refuse_call = 0;      // of the management calls, before or after they had effect
  std::uint64_t longest_delay_ms = 0;
  bool overtaking = false;  // messages of one connection overtake each other
};

// Chances in thousandths, of each turn of the world.
struct WorldFaults {
  std::uint64_t crash = 0;       // between two steps of a process
  std::uint64_t light_fuse = 0;  // within one
  std::uint64_t power_cut = 0;   // of everything: what was not synced is lost
  std::uint64_t cut_connection = 0;
  std::uint64_t stop_bus = 0;
  std::uint64_t wipe_bus = 0;
  std::uint64_t set_back_bus = 0;
  std::uint64_t truncate_stream = 0;
  std::uint64_t wipe_store = 0;
  std::uint64_t set_back_store = 0;
  std::uint64_t lose_projections = 0;
};

struct Faults {
  BusFaults bus;
  WorldFaults world;
};

inline Faults choose_faults(Random& random) {
  Faults faults;
  const auto maybe = [&](std::uint64_t& chance, std::uint64_t most) {
    if (random.chance(400)) chance = 1 + random.below(most);
  };
  maybe(faults.bus.lose_publication, 100);
  maybe(faults.bus.repeat_publication, 100);
  maybe(faults.bus.lose_ack, 150);
  maybe(faults.bus.lose_delivery, 100);
  maybe(faults.bus.lose_settlement, 150);
  maybe(faults.bus.refuse_call, 200);
  maybe(faults.bus.longest_delay_ms, 400);
  faults.bus.overtaking = random.chance(250);
  maybe(faults.world.crash, 20);
  maybe(faults.world.light_fuse, 30);
  maybe(faults.world.power_cut, 8);
  maybe(faults.world.cut_connection, 15);
  maybe(faults.world.stop_bus, 10);
  maybe(faults.world.wipe_bus, 8);
  maybe(faults.world.set_back_bus, 10);
  maybe(faults.world.truncate_stream, 8);
  maybe(faults.world.wipe_store, 8);
  maybe(faults.world.set_back_store, 12);
  maybe(faults.world.lose_projections, 8);
  return faults;
}

}  // namespace citas::simulation

// BusWorld: one kind of bus under the contract suite, with its way for time to pass.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "workers/bus.h"

namespace citas::workers {

class BusWorld {
 public:
  virtual ~BusWorld() = default;
  // A connection of its own. At most a few for each world; they die before it.
  virtual std::unique_ptr<Bus> connect() = 0;
  // Lets a little time pass, or news come in.
  virtual void pause() = 0;
};

std::unique_ptr<BusWorld> memory_world();
// Starts a nats-server of its own.
std::unique_ptr<BusWorld> nats_world();

// True once `condition` holds; false after 20 s of a real world's time.
bool eventually(BusWorld& world, const std::function<bool()>& condition);

}  // namespace citas::workers

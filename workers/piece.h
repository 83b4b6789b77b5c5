// Piece: a part of the fan-out that owns no thread and advances when it is stepped.
#pragma once

#include <string_view>

#include "events/base/result.h"

namespace citas::workers {

// One thread steps it.
class Piece {
 public:
  virtual ~Piece() = default;
  virtual std::string_view name() const = 0;
  // Does what can be done now, within bounds, without waiting for news. True when something was
  // done, so that more may follow at once. What fails on the bus is tried again by later steps; an
  // Error is final (Corruption, or a store that cannot be written): the process must stop.
  virtual Result<bool> step() = 0;
  // Not stepped for now; the next step() goes on. What others could do meanwhile is left to them.
  virtual void pause() {}
};

}  // namespace citas::workers

// Projection: a read model as a pure function of events.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/event.h"

namespace citas::projections {

// What apply() reads and writes: the read model after all events before this one.
class ReadModelBatch {
 public:
  virtual ~ReadModelBatch() = default;

  // The value of `key`, the batch's own writes included. Borrowed until the next call on the batch.
  virtual Result<std::optional<std::string_view>> get(std::string_view key) = 0;
  virtual Status put(std::string_view key, std::string value) = 0;
  // For a key that no event before can have written (it holds a fresh id): saves looking for what
  // it replaces. Corruption when it is known to exist.
  virtual Status insert(std::string_view key, std::string value) = 0;
  // Nothing happens when there is no such key.
  virtual Status remove(std::string_view key) = 0;
};

// Immutable; share it between threads.
class Projection {
 public:
  virtual ~Projection() = default;

  // Stable: names the folder on disk. [a-z][a-z_]*
  virtual std::string_view name() const = 0;
  // Raise it with every change of apply(), or of what keys and values look like: read models built
  // by another version are rebuilt when they are opened.
  virtual std::uint32_t version() const = 0;
  // How far behind the log it may be while many events come in. To apply them together costs less,
  // so one that nobody waits for should take its time.
  virtual std::chrono::milliseconds patience() const { return std::chrono::milliseconds{0}; }
  // Depends on nothing but its arguments. Corruption: this event is impossible after those before.
  // Other errors are the batch's.
  virtual Status apply(const Event& event, ReadModelBatch& batch) const = 0;
};

}  // namespace citas::projections

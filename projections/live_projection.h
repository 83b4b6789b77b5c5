// LiveProjection: how readers reach the generation of a read model that serves now.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "events/base/result.h"
#include "events/ids.h"
#include "projections/read_store.h"

namespace citas::projections {

// Thread-safe. Written by the engine, read by everyone else.
class LiveProjection {
 public:
  explicit LiveProjection(std::string name) : name_(std::move(name)) {}
  LiveProjection(const LiveProjection&) = delete;
  LiveProjection& operator=(const LiveProjection&) = delete;

  const std::string& name() const { return name_; }

  // The serving generation; holding it keeps it readable after it has been replaced.
  // Unavailable: it has not yet caught up with what the log held when it was opened.
  Result<std::shared_ptr<const ReadStore>> store() const;

  // What the serving generation reflects. Never goes back while the process runs.
  Position position() const { return Position{position_.load(std::memory_order_acquire)}; }
  // Whether store() gives one.
  bool is_serving() const { return serving_.load(std::memory_order_acquire); }

  // Called with the new position after each commit, on the thread that steps the projection: must
  // not block. Add all of them before the first step.
  void add_listener(std::function<void(Position)> listener);

  // Called with each error of reading that means damage, on the reader's thread: must not block.
  // Set before the first read. With it, damage reads as Unavailable, since somebody mends it.
  void on_damage(std::function<void(const Error&)> listener) { on_damage_ = std::move(listener); }
  // What was read of a store of this read model, for whoever asked; tells of damage on the way.
  template <typename T>
  Result<T> checked(Result<T> read) const {
    if (read || read.error().code != ErrorCode::kCorruption) return read;
    return failure(tell_damage(std::move(read).error()));
  }

  // --- For the engine. ---
  void replace(std::shared_ptr<const ReadStore> store);
  // Nothing is served before `position` is reached.
  void serve_from(Position position);
  void advance(Position position);

 private:
  Error tell_damage(Error damage) const;

  const std::string name_;
  std::vector<std::function<void(Position)>> listeners_;
  std::function<void(const Error&)> on_damage_;
  std::atomic<std::uint64_t> position_{0};
  std::atomic<std::uint64_t> serve_from_{0};
  std::atomic<bool> serving_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const ReadStore> store_;  // guarded by mutex_
};

}  // namespace citas::projections

// BusDisk: how much of its disk a managed bus may take; and, where bus/ is a disk of its own,
// whether there is room on it.
//
// The bus holds a copy of the whole log, so what it takes grows with the log (ADR 16). A
// nats-server that meets a full disk keeps its streams shut until it is started again, whatever is
// free by then.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "events/base/clock.h"
#include "ops/citas/free_space.h"

namespace citas::ops {

// The most that the streams of a managed bus may take together: three quarters of a disk that holds
// the log, too, and all but the floor of its own; never less than its small streams set aside.
std::uint64_t bus_store_bytes(std::uint64_t capacity_bytes, bool is_shared);

// Whether what is written in both folders, or in their nearest parents, takes the same space. True
// where that cannot be told.
bool on_one_disk(const std::filesystem::path& one, const std::filesystem::path& other);

// For operators: empty while there is room.
std::string describe_bus_disk(const FreeSpaceState& state, const std::filesystem::path& folder);

// Watches a disk of the bus's own on a thread of its own. Thread-safe.
class BusDisk {
 public:
  // Borrows the clock. `on_change` is called on the watching thread: there is room, or none.
  BusDisk(const std::filesystem::path& folder, const Clock& clock,
          std::function<void(const BusDisk&)> on_change);

  // Whether the bus may be written to now.
  bool has_room() const { return watch_.has_room(); }
  bool is_ample() const { return watch_.state().level == SpaceLevel::kAmple; }
  std::string trouble() const { return describe_bus_disk(watch_.state(), folder_); }
  // on_change is not called any more.
  void stop() { thread_.reset(); }

 private:
  const std::filesystem::path folder_;
  const FileSystemSpace space_;
  FreeSpaceWatch watch_;
  std::unique_ptr<FreeSpaceThread> thread_;
};

}  // namespace citas::ops

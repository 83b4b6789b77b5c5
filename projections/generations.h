// Generations: the places where read models are kept, one folder for each projection, in it one for
// each generation and a pointer to the one that serves.
//
// Adapters: rocksdb/ (<data>/projections/<name>/<generation>/ and <name>/CURRENT) and memory/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "events/base/strong.h"
#include "projections/read_store.h"

namespace citas::projections {

// Counts up; a number is not used again while a folder of that number exists.
using Generation = Strong<struct GenerationTag, std::uint64_t>;

// For one thread at a time for each projection. Two processes never write the same generation.
class Generations {
 public:
  virtual ~Generations() = default;

  // The one that serves; nullopt when there is none, or the pointer is unreadable.
  virtual Result<std::optional<Generation>> current(std::string_view name) const = 0;
  // All that exist, in order.
  virtual Result<std::vector<Generation>> list(std::string_view name) const = 0;

  // A new, empty one. Unavailable: the disk does not let us.
  virtual Result<std::shared_ptr<ReadStore>> create(std::string_view name, Generation number) = 0;
  // Corruption: it cannot be used any more, build another. Unavailable: not now (held by another
  // process, no permission).
  virtual Result<std::shared_ptr<ReadStore>> open(std::string_view name, Generation number) = 0;
  // The same for inspection: changes nothing on disk, also while nobody may write there.
  virtual Result<std::shared_ptr<const ReadStore>> open_read_only(std::string_view name,
                                                                  Generation number) const = 0;
  // Atomic and durable. What the generation holds must have been flushed. On failure either of the
  // two may be current, now or after power loss: neither may be removed before this has succeeded.
  virtual Status make_current(std::string_view name, Generation number) = 0;
  // Deletes it as soon as nobody holds its store any more; at the latest at the next start.
  virtual Status remove(std::string_view name, Generation number) = 0;
};

}  // namespace citas::projections

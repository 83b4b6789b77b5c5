// ReadStore: where one generation of a read model lives. An ordered map from keys to values, with a
// checkpoint that always belongs to exactly what is stored.
//
// Atomicity: a commit's changes and its checkpoint become visible, and survive, together or not
// at all. Durability: none is promised before flush(); after a crash the store holds some earlier
// commit as a whole, and the events after its checkpoint are applied again.
//
// Keys are bytes in lexicographic order, not empty, and never begin with a zero byte (the adapters'
// own).
//
// Adapters: rocksdb/ (serving) and memory/ (as-of queries, replay, tests). Both pass
// tests/contract/projections.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/base/strong.h"
#include "projections/checkpoint.h"

namespace citas::projections {

// Keys in [from, to). An empty `to` means: to the end.
struct KeyRange {
  std::string_view from;
  std::string_view to;
};

enum class Order { kAscending, kDescending };

// Counts what was written to one store since it was opened. Means nothing to another store.
using Revision = Strong<struct RevisionTag, std::uint64_t>;

// The views live only during the visit. Returns false to stop reading.
using EntryVisitor = std::function<bool(std::string_view key, std::string_view value)>;

// The content as of one commit, whatever is written meanwhile. For one thread at a time; must not
// outlive its store.
class ReadView {
 public:
  virtual ~ReadView() = default;

  // Of the checkpoint that this view belongs to.
  virtual Position position() const = 0;
  // For unchanged_since(): whatever was written by then is in this view.
  virtual Revision revision() const = 0;
  // Corruption, Unavailable: the stored bytes could not be read. The same for scan().
  virtual Result<std::optional<std::string>> get(std::string_view key) = 0;
  virtual Status scan(const KeyRange& range, Order order, const EntryVisitor& visit) = 0;
};

// A key's new value, or its removal. Borrows.
struct Mutation {
  std::string_view key;
  std::optional<std::string_view> value;
};

class ReadStore {
 public:
  virtual ~ReadStore() = default;

  // --- Reading: any thread. ---
  virtual Result<std::unique_ptr<ReadView>> view() const = 0;
  // Of the latest commit.
  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  // nullopt: nothing was ever committed.
  virtual Result<std::optional<Checkpoint>> checkpoint() const = 0;
  // For those who keep what they read. The position of a commit whose value of `key` is that in a
  // view of `since`, and which is no older than any that was complete when this was called; nullopt
  // when `key` was written since then, or may have been. Costs no look-up.
  virtual std::optional<Position> unchanged_since(std::string_view key, Revision since) const = 0;

  // --- Writing: one thread at a time. ---
  // Each key at most once. Unavailable: nothing was changed.
  virtual Status commit(std::span<const Mutation> mutations, const Checkpoint& checkpoint) = 0;
  // Makes everything committed survive a crash.
  virtual Status flush() = 0;
  // Begins to, and returns: readers and commits go on meanwhile. False: an earlier one is still
  // under way, and this one was not begun. Unavailable, StorageFull: it cannot be begun now; one
  // that fails later shows at a later commit.
  virtual Result<bool> begin_flush() = 0;
};

}  // namespace citas::projections

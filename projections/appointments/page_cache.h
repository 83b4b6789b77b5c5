// PageCache: pages that have been read, ready to be sent again.
//
// A page is given out only while the store that it was read from says that nothing of its insured
// was written since, so what comes out is what a read would find at the position that it names.
// Which entry that depends on (the insured's summary, which every change of their list writes) is
// the page's key. When the cache is full, the oldest page goes that was not asked for since it was
// last spared for having been (second chance): finding a page then moves nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/ids.h"
#include "projections/read_store.h"

namespace citas::projections {

struct AppointmentsPage {
  std::string appointments;  // a JSON array
  std::uint64_t total = 0;   // that pass the filter, on all pages
  bool has_more = false;
  std::string next_cursor;  // empty without has_more; URL-safe
  Position reflected;       // everything up to here is in this page
  Position last_changed;    // what last changed this insured's list; 0: nothing ever did
};

// Thread-safe.
class PageCache {
 public:
  struct Stats {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::size_t pages = 0;
    std::size_t bytes = 0;
  };

  // Memory for pages, their keys and what keeps them together; 0 keeps nothing.
  explicit PageCache(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // The page kept for `key`, as it is in the latest commit of `store`.
  std::optional<AppointmentsPage> find(std::string_view key,
                                       const std::shared_ptr<const ReadStore>& store);
  // Keeps a page that was read from a view of `store` of that revision.
  void keep(std::string_view key, const std::shared_ptr<const ReadStore>& store, Revision revision,
            const AppointmentsPage& page);

  Stats stats() const;

 private:
  // Immutable, so that it can be copied from without a lock.
  struct Kept {
    AppointmentsPage page;
    std::weak_ptr<const ReadStore> store;  // does not keep a replaced generation alive
    Revision revision;
  };
  struct Entry {
    std::shared_ptr<const Kept> kept;
    std::size_t bytes = 0;
    bool was_asked_for = false;  // since the hand came by
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
  struct Shard {
    std::atomic<std::uint64_t> hits{0};
    std::atomic<std::uint64_t> misses{0};
    mutable std::mutex mutex;  // guards what follows
    Entries entries;
    std::deque<Entries::value_type*> hand;  // all entries, in the order in which they may go
    std::size_t bytes = 0;
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard_of(std::string_view key);
  static std::shared_ptr<const Kept> look_up(Shard& shard, std::string_view key);
  static std::optional<AppointmentsPage> current(const Kept* kept, std::string_view key,
                                                 const std::shared_ptr<const ReadStore>& store);
  static bool is_newer(const Kept& kept, const Kept& than);
  static void make_room(Shard& shard, std::size_t limit_bytes);

  const std::size_t limit_bytes_;
  std::array<Shard, kShards> shards_;
};

}  // namespace citas::projections

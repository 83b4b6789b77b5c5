#include "projections/appointments/page_cache.h"

#include <algorithm>
#include <utility>

namespace citas::projections {
namespace {

// What a page costs besides its texts: map node, place in the hand, control block, the page itself.
constexpr std::size_t kOverheadBytes = 320;

// Whether both are of the same store; its address alone could be that of a later one.
template <typename Other>
bool is_same(const std::weak_ptr<const ReadStore>& store, const Other& other) {
  return !store.owner_before(other) && !other.owner_before(store);
}

}  // namespace

PageCache::Shard& PageCache::shard_of(std::string_view key) {
  // The maps in the shards use the low bits of the same hash.
  return shards_[(std::hash<std::string_view>{}(key) >> 32) % kShards];
}

std::shared_ptr<const PageCache::Kept> PageCache::look_up(Shard& shard, std::string_view key) {
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  Entry& entry = found->second;
  entry.was_asked_for = true;
  return entry.kept;
}

std::optional<AppointmentsPage> PageCache::current(const Kept* kept, std::string_view key,
                                                   const std::shared_ptr<const ReadStore>& store) {
  if (!kept || !is_same(kept->store, store)) return std::nullopt;
  const auto position = store->unchanged_since(key, kept->revision);
  if (!position) return std::nullopt;
  AppointmentsPage page = kept->page;
  // A view taken while a commit was being written may know of a later one than the store says.
  page.reflected = std::max(page.reflected, *position);
  return page;
}

std::optional<AppointmentsPage> PageCache::find(std::string_view key,
                                                const std::shared_ptr<const ReadStore>& store) {
  if (limit_bytes_ == 0) return std::nullopt;
  Shard& shard = shard_of(key);
  auto page = current(look_up(shard, key).get(), key, store);
  (page ? shard.hits : shard.misses).fetch_add(1, std::memory_order_relaxed);
  return page;
}

// Two readers may have missed the same page, and the one with the older view comes last.
bool PageCache::is_newer(const Kept& kept, const Kept& than) {
  return is_same(kept.store, than.store) && std::pair(kept.revision, kept.page.reflected) >=
                                                std::pair(than.revision, than.page.reflected);
}

void PageCache::keep(std::string_view key, const std::shared_ptr<const ReadStore>& store,
                     Revision revision, const AppointmentsPage& page) {
  if (limit_bytes_ == 0) return;
  auto kept = std::make_shared<const Kept>(Kept{page, store, revision});
  const std::size_t bytes =
      kOverheadBytes + key.size() + page.appointments.size() + page.next_cursor.size();
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto [place, is_new] = shard.entries.try_emplace(std::string(key));
  Entry& entry = place->second;
  if (is_new) shard.hand.push_back(&*place);
  if (!is_new && is_newer(*entry.kept, *kept)) return;
  shard.bytes += bytes - entry.bytes;
  entry.kept = std::move(kept);
  entry.bytes = bytes;
  make_room(shard, limit_bytes_ / kShards);
}

void PageCache::make_room(Shard& shard, std::size_t limit_bytes) {
  while (shard.bytes > limit_bytes) {
    auto* const next = shard.hand.front();
    shard.hand.pop_front();
    Entry& entry = next->second;
    if (std::exchange(entry.was_asked_for, false)) {
      shard.hand.push_back(next);
    } else {
      shard.bytes -= entry.bytes;
      shard.entries.erase(shard.entries.find(next->first));
    }
  }
}

PageCache::Stats PageCache::stats() const {
  Stats all;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    all.hits += shard.hits.load(std::memory_order_relaxed);
    all.misses += shard.misses.load(std::memory_order_relaxed);
    all.pages += shard.entries.size();
    all.bytes += shard.bytes;
  }
  return all;
}

}  // namespace citas::projections

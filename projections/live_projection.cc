#include "projections/live_projection.h"

namespace citas::projections {

Result<std::shared_ptr<const ReadStore>> LiveProjection::store() const {
  if (!is_serving()) {
    return failure(ErrorCode::kUnavailable,
                   "the read model " + name_ + " is being built: position " +
                       std::to_string(position_.load()) + " of " +
                       std::to_string(serve_from_.load()) + " so far; try again");
  }
  const std::lock_guard lock(mutex_);
  return store_;
}

void LiveProjection::add_listener(std::function<void(Position)> listener) {
  listeners_.push_back(std::move(listener));
}

Error LiveProjection::tell_damage(Error damage) const {
  if (!on_damage_) return damage;
  on_damage_(damage);
  return {ErrorCode::kUnavailable,
          name_ + " is damaged and is being built anew: " + damage.message};
}

void LiveProjection::replace(std::shared_ptr<const ReadStore> store) {
  // What is replaced may be the last reference, whose end takes long: let go of it unlocked.
  const std::lock_guard lock(mutex_);
  store_.swap(store);
}

void LiveProjection::serve_from(Position position) { serve_from_.store(position.value()); }

void LiveProjection::advance(Position position) {
  position_.store(position.value(), std::memory_order_release);
  if (position.value() >= serve_from_.load()) serving_.store(true, std::memory_order_release);
  for (const auto& listener : listeners_) listener(position);
}

}  // namespace citas::projections

#include "projections/progress.h"

namespace citas::projections {

double Progress::events_per_second() const {
  const auto milliseconds = static_cast<double>(elapsed.count());
  return milliseconds > 0 ? static_cast<double>(done) * 1000 / milliseconds : 0;
}

double Progress::percent() const {
  if (done >= total) return 100;
  return static_cast<double>(done) * 100 / static_cast<double>(total);
}

std::optional<std::chrono::milliseconds> Progress::eta() const {
  if (done >= total) return std::chrono::milliseconds{0};
  const double speed = events_per_second();
  if (speed <= 0) return std::nullopt;
  const double seconds = static_cast<double>(total - done) / speed;
  return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

}  // namespace citas::projections

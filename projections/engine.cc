#include "projections/engine.h"

#include <algorithm>

#include "events/base/check.h"
#include "projections/projection_slot.h"

namespace citas::projections {

ProjectionEngine::ProjectionEngine(EngineOptions options) : options_(std::move(options)) {}

ProjectionEngine::~ProjectionEngine() = default;

Result<std::unique_ptr<ProjectionEngine>> ProjectionEngine::open(
    const EventLog& log, const Codec& codec, const Clock& clock, Generations& generations,
    std::vector<std::unique_ptr<const Projection>> projections, EngineOptions options) {
  std::unique_ptr<ProjectionEngine> engine(new ProjectionEngine(std::move(options)));
  const EngineContext context{log, codec, clock, generations, engine->options_};
  for (auto& projection : projections) {
    auto slot = std::make_unique<ProjectionSlot>(context, std::move(projection));
    if (auto opened = slot->open(); !opened) return failure(std::move(opened).error());
    engine->slots_.push_back(std::move(slot));
  }
  return engine;
}

ProjectionSlot* ProjectionEngine::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(slots_, [&](const auto& slot) { return slot->live().name() == name; });
  return found == slots_.end() ? nullptr : found->get();
}

std::vector<std::string> ProjectionEngine::names() const {
  std::vector<std::string> names;
  for (const auto& slot : slots_) names.push_back(slot->live().name());
  return names;
}

LiveProjection& ProjectionEngine::live(std::string_view name) const {
  ProjectionSlot* slot = find(name);
  CHECK(slot != nullptr);
  return slot->live();
}

std::chrono::milliseconds ProjectionEngine::patience(std::string_view name) const {
  ProjectionSlot* slot = find(name);
  CHECK(slot != nullptr);
  return slot->patience();
}

Result<std::size_t> ProjectionEngine::step(std::string_view name) {
  ProjectionSlot* slot = find(name);
  CHECK(slot != nullptr);
  return slot->step();
}

Result<RebuildReport> ProjectionEngine::rebuild(std::string_view name, std::stop_token stop,
                                                const ProgressCallback& on_progress) {
  ProjectionSlot* slot = find(name);
  if (!slot) {
    return failure(ErrorCode::kNotFound, "there is no projection named " + std::string(name));
  }
  return slot->rebuild(std::move(stop), on_progress);
}

std::vector<ProjectionStatus> ProjectionEngine::status() const {
  std::vector<ProjectionStatus> all;
  for (const auto& slot : slots_) all.push_back(slot->status());
  return all;
}

bool ProjectionEngine::is_serving() const {
  return std::ranges::all_of(slots_, [](const auto& slot) { return slot->live().is_serving(); });
}

}  // namespace citas::projections

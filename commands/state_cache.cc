#include "commands/state_cache.h"

#include <ranges>
#include <vector>

namespace citas::commands {
namespace {

// Reading a slot's events backwards may stop early; the others' are folded whole.
bool is_enough(const SlotState&, const Event& event) { return decides_slot(event); }
bool is_enough(const AppointmentState&, const Event&) { return false; }
bool is_enough(const DeadLetterState&, const Event&) { return false; }

}  // namespace

template <typename S>
Result<S> StateCache::load(const TenantId& tenant, const Tag& tag) const {
  const TagQuery query{.tenant = tenant,
                       .tag = tag,
                       .direction = Direction::kBackward,
                       .visibility = Visibility::kHead};
  std::vector<Event> newest_first;
  Status decoded;
  const Status read = log_.read_tag(query, [&](const RecordView& record) {
    auto event = codec_.decode(record.bytes);
    if (!event) {
      decoded = failure(event.error());
      return false;
    }
    newest_first.push_back(*std::move(event));
    return !is_enough(S{}, newest_first.back());
  });
  if (!read) return failure(read.error());
  if (!decoded) return failure(decoded.error());
  S state;
  for (const Event& event : newest_first | std::views::reverse) state = evolve(state, event);
  return state;
}

template <typename S>
Result<S*> StateCache::find_or_load(const TenantId& tenant, const Tag& tag) {
  const TagDigest digest = digest_of(tenant, tag);
  if (const auto found = young_.find(digest); found != young_.end()) {
    return &std::get<S>(found->second);
  }
  if (auto node = old_.extract(digest)) {
    return &std::get<S>(young_.insert(std::move(node)).position->second);
  }
  auto loaded = load<S>(tenant, tag);
  if (!loaded) return failure(loaded.error());
  return &std::get<S>(young_.emplace(digest, *std::move(loaded)).first->second);
}

Result<SlotState> StateCache::slot(const TenantId& tenant, const Slot& slot) {
  return find_or_load<SlotState>(tenant, slot_tag(slot)).map([](SlotState* state) {
    return *state;
  });
}

Result<AppointmentState> StateCache::appointment(const TenantId& tenant,
                                                 AppointmentId appointment) {
  return find_or_load<AppointmentState>(tenant, appointment_tag(appointment))
      .map([](AppointmentState* state) { return *state; });
}

Result<DeadLetterState> StateCache::dead_letter(const TenantId& tenant, DeadLetterId letter) {
  return find_or_load<DeadLetterState>(tenant, dead_letter_tag(letter))
      .map([](DeadLetterState* state) { return *state; });
}

Status StateCache::apply_to_appointment(const Event& event, const AppointmentRef& ref) {
  const Tag tag = appointment_tag(ref.appointment);
  if (std::holds_alternative<AppointmentRequested>(event.data)) {
    // An id that was just made has no history to look for.
    young_.insert_or_assign(digest_of(event.tenant, tag), evolve(AppointmentState{}, event));
    return {};
  }
  return evolve_state<AppointmentState>(event, tag);
}

template <typename S>
Status StateCache::evolve_state(const Event& event, const Tag& tag) {
  const auto state = find_or_load<S>(event.tenant, tag);
  if (!state) return failure(state.error());
  **state = evolve(**state, event);
  return {};
}

Status StateCache::apply(const Event& event) {
  if (const AppointmentRef* ref = ref_of(event.data)) {
    const Status status = apply_to_appointment(event, *ref);
    return status ? evolve_state<SlotState>(event, slot_tag(ref->slot)) : status;
  }
  const auto letter = dead_letter_of(event.data);
  return letter ? evolve_state<DeadLetterState>(event, dead_letter_tag(*letter)) : Status{};
}

void StateCache::trim() {
  if (young_.size() < capacity_ / 2) return;
  old_ = std::move(young_);
  young_.clear();
}

}  // namespace citas::commands

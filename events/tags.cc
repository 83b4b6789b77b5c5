#include "events/tags.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "events/base/sha256.h"

namespace citas {
namespace {

constexpr std::string_view kAppointment = "appointment:";
constexpr std::string_view kSlot = "slot:";
constexpr std::string_view kInsured = "insured:";
constexpr std::string_view kDeadLetter = "deadletter:";

std::vector<Tag> tags_of_ref(const AppointmentRef& ref) {
  return {appointment_tag(ref.appointment), slot_tag(ref.slot), insured_tag(ref.insured)};
}

std::vector<Tag> tags_of_letter(std::optional<DeadLetterId> letter,
                                std::optional<AppointmentId> appointment) {
  std::vector<Tag> tags;
  if (letter) tags.push_back(dead_letter_tag(*letter));
  if (appointment) tags.push_back(appointment_tag(*appointment));
  return tags;
}

Tag tag_of(std::string_view kind, const Uuid& id) {
  std::string text(kind.size() + kUuidTextSize, '\0');
  std::ranges::copy(kind, text.begin());
  id.write(text.data() + kind.size());
  return Tag{std::move(text)};
}

// Removes `prefix` from the front of `text`, if it is there.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<Slot> parse_slot(std::string_view text) {
  if (text.size() < 4 || text[2] != ':') return std::nullopt;
  const auto country = CountryCode::parse(text.substr(0, 2));
  const auto number = parse_position(text.substr(3));
  if (!country || !number) return std::nullopt;
  if (number->value() == 0 || number->value() > std::uint64_t{kMaxJsonInteger}) return std::nullopt;
  return Slot{*country, ScheduleId{static_cast<std::int64_t>(number->value())}};
}

}  // namespace

Tag appointment_tag(AppointmentId appointment) { return tag_of(kAppointment, appointment.value()); }

Tag dead_letter_tag(DeadLetterId letter) { return tag_of(kDeadLetter, letter.value()); }

Tag slot_tag(const Slot& slot) {
  std::string text{kSlot};
  text.append(slot.country.text()).append(1, ':');
  text.append(std::to_string(slot.schedule.value()));
  return Tag{std::move(text)};
}

Tag insured_tag(const InsuredId& insured) {
  return Tag{std::string{kInsured}.append(insured.text())};
}

std::vector<Tag> tags_of(const EventData& data) {
  return std::visit(
      Match{[](const AppointmentRequested& event) { return tags_of_ref(event.ref); },
            [](const AppointmentConfirmed& event) { return tags_of_ref(event.ref); },
            [](const AppointmentRejected& event) { return tags_of_ref(event.ref); },
            [](const AppointmentCancelled& event) { return tags_of_ref(event.ref); },
            [](const auto& letter) { return tags_of_letter(letter.id, letter.appointment); }},
      data);
}

std::optional<Tag> parse_tag(std::string_view text) {
  if (take_prefix(text, kAppointment)) {
    const auto id = Uuid::parse(text);
    return id ? std::optional(appointment_tag(AppointmentId{*id})) : std::nullopt;
  }
  if (take_prefix(text, kSlot)) {
    const auto slot = parse_slot(text);
    return slot ? std::optional(slot_tag(*slot)) : std::nullopt;
  }
  if (take_prefix(text, kInsured)) {
    const auto id = InsuredId::parse(text);
    return id ? std::optional(insured_tag(*id)) : std::nullopt;
  }
  if (take_prefix(text, kDeadLetter)) {
    const auto id = Uuid::parse(text);
    return id ? std::optional(dead_letter_tag(DeadLetterId{*id})) : std::nullopt;
  }
  return std::nullopt;
}

TagDigest digest_of(const TenantId& tenant, const Tag& tag) {
  constexpr std::string_view kSeparator{"\0", 1};
  const Sha256 full = sha256({tenant.value(), kSeparator, tag.value()});
  TagDigest digest;
  std::memcpy(digest.data(), full.data(), digest.size());
  return digest;
}

}  // namespace citas

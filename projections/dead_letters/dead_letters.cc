#include "projections/dead_letters/dead_letters.h"

#include <nlohmann/json.hpp>

#include "events/base/json_text.h"
#include "projections/appointments/appointment_row.h"
#include "projections/fields.h"

namespace citas::projections {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kLetter = 'd';
constexpr char kIndex = 'i';
constexpr char kOfAppointment = 'a';
constexpr char kSummary = 's';
constexpr char kAll = '*';
constexpr std::size_t kIdSize = 16;
constexpr std::size_t kHeadSize = 1 + 8 + 8;
constexpr std::size_t kSummarySize = (kLetterStates + 2) * 8;

tl::unexpected<Error> corrupt() {
  return failure(ErrorCode::kCorruption,
                 "a stored dead letter is unreadable: rebuild dead_letters");
}

std::string tenant_key(char kind, const TenantId& tenant) {
  return std::string(1, kind).append(tenant.value()).append(1, '\0');
}

std::string index_key(const TenantId& tenant, std::optional<LetterState> state, Position first) {
  std::string key = list_key(tenant, state);
  append_big_endian(key, first.value());
  return key;
}

std::string bytes_of_id(DeadLetterId id) {
  std::string bytes;
  append_uuid(bytes, id.value());
  return bytes;
}

std::string encode(const LetterRow& row, const Json& json) {
  std::string bytes(1, static_cast<char>(row.state));
  append_big_endian(bytes, row.first.value());
  append_big_endian(bytes, row.changed_at.value());
  return bytes.append(json_text(json));
}

std::string encode(const LetterSummary& summary) {
  std::string bytes;
  for (const std::uint64_t count : summary.count) append_big_endian(bytes, count);
  append_big_endian(bytes, summary.recorded);
  append_big_endian(bytes, summary.changed_at.value());
  return bytes;
}

// A letter on its way through one event.
struct Changed {
  LetterRow row;
  Json json;
};

Result<std::optional<Changed>> find(const Event& event, DeadLetterId id, ReadModelBatch& batch) {
  const auto stored = batch.get(letter_key(event.tenant, id));
  if (!stored) return failure(stored.error());
  if (!*stored) return std::nullopt;
  auto row = parse_letter(**stored);
  if (!row) return failure(row.error());
  auto json = Json::parse(row->json, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return corrupt();
  return Changed{*std::move(row), std::move(json)};
}

// Counts a letter that went `from` a state, if it had one, `to` another.
Status count(const Event& event, std::optional<LetterState> from, LetterState to,
             ReadModelBatch& batch) {
  const std::string key = letters_summary_key(event.tenant);
  const auto stored = batch.get(key);
  if (!stored) return failure(stored.error());
  auto summary = *stored ? parse_letters_summary(**stored) : LetterSummary{};
  if (!summary) return failure(summary.error());
  if (from) --summary->count[static_cast<std::size_t>(*from)];
  ++summary->count[static_cast<std::size_t>(to)];
  if (std::holds_alternative<DeadLetterRecorded>(event.data)) ++summary->recorded;
  summary->changed_at = event.position;
  return batch.put(key, encode(*summary));
}

// Writes a letter that was in the state `from`, where it is not new.
Status save(const Event& event, DeadLetterId id, std::optional<LetterState> from, LetterState to,
            Changed letter, ReadModelBatch& batch) {
  letter.row.state = to;
  letter.row.changed_at = event.position;
  letter.json["state"] = to_string(to);
  letter.json["updatedAt"] = format_rfc3339(event.time);
  const auto put = [&](std::optional<LetterState> list) {
    return batch.put(index_key(event.tenant, list, letter.row.first), bytes_of_id(id));
  };
  if (from && from != to) {
    auto left = batch.remove(index_key(event.tenant, from, letter.row.first));
    if (!left) return left;
  }
  if (auto done = put(to); !done) return done;
  if (auto done = put(std::nullopt); !done) return done;
  if (auto done = count(event, from, to, batch); !done) return done;
  return batch.put(letter_key(event.tenant, id), encode(letter.row, letter.json));
}

Changed new_letter(const Event& event, const DeadLetterRecorded& letter) {
  Json json{{"deadLetterId", letter.id->value().to_string()},
            {"state", ""},
            {"countryISO", letter.country.text()},
            {"consumer", letter.consumer},
            {"messageId", letter.message_id}};
  if (letter.appointment) json["appointmentId"] = letter.appointment->value().to_string();
  json["reason"] = "";
  json["attempts"] = 0;
  json["deaths"] = 0;
  json["retries"] = 0;
  json["payloadSha256"] = "";
  json["firstRecordedAt"] = format_rfc3339(event.time);
  return {{.state = LetterState::kOpen, .first = event.position, .changed_at = {}, .json = {}},
          std::move(json)};
}

// Notes that the letter is to be settled when its appointment is.
Status watch_appointment(const Event& event, const DeadLetterRecorded& letter,
                         ReadModelBatch& batch) {
  if (!letter.appointment) return {};
  const std::string key = appointment_key(kOfAppointment, event.tenant, *letter.appointment);
  const auto stored = batch.get(key);
  if (!stored) return failure(stored.error());
  std::string ids{stored->value_or("")};
  const std::string id = bytes_of_id(*letter.id);
  for (std::size_t at = 0; at < ids.size(); at += kIdSize) {
    if (ids.compare(at, kIdSize, id) == 0) return {};
  }
  return batch.put(key, ids.append(id));
}

Status apply_recorded(const Event& event, const DeadLetterRecorded& letter, ReadModelBatch& batch) {
  if (!letter.id) return {};  // nobody could address it; see DeadLetterRecorded
  auto known = find(event, *letter.id, batch);
  if (!known) return failure(known.error());
  const auto from = *known ? std::optional((*known)->row.state) : std::nullopt;
  Changed changed = *known ? **std::move(known) : new_letter(event, letter);
  Json& json = changed.json;
  json["reason"] = letter.reason.text();
  json["attempts"] = letter.attempts;
  json["deaths"] = json.value("deaths", 0U) + 1;
  json["payloadSha256"] = letter.payload_sha256;
  json["recordedAt"] = format_rfc3339(event.time);
  if (auto watched = watch_appointment(event, letter, batch); !watched) return watched;
  return save(event, *letter.id, from, LetterState::kOpen, std::move(changed), batch);
}

// Moves a letter `to` a state, with what `describe` adds to its JSON.
template <typename Describe>
Status apply_change(const Event& event, DeadLetterId id, LetterState to, ReadModelBatch& batch,
                    Describe describe) {
  auto known = find(event, id, batch);
  if (!known) return failure(known.error());
  if (!*known) {
    return failure(ErrorCode::kCorruption, "a dead letter changed that was never recorded");
  }
  const LetterState from = (*known)->row.state;
  describe((*known)->json);
  return save(event, id, from, to, **std::move(known), batch);
}

Status apply_retried(const Event& event, DeadLetterId id, ReadModelBatch& batch) {
  return apply_change(event, id, LetterState::kRetried, batch, [&](Json& json) {
    json["retries"] = json.value("retries", 0U) + 1;
    json["retriedAt"] = format_rfc3339(event.time);
    json["retriedBy"] = event.actor;
  });
}

Status apply_discarded(const Event& event, const DeadLetterDiscarded& data, ReadModelBatch& batch) {
  return apply_change(event, data.id, LetterState::kDiscarded, batch, [&](Json& json) {
    json["discardedAt"] = format_rfc3339(event.time);
    json["discardedBy"] = event.actor;
    json["discardReason"] = data.reason.text();
  });
}

Status settle(const Event& event, DeadLetterId id, Lifecycle outcome, ReadModelBatch& batch) {
  const auto known = find(event, id, batch);
  if (!known) return failure(known.error());
  const bool is_undecided = *known && ((*known)->row.state == LetterState::kOpen ||
                                       (*known)->row.state == LetterState::kRetried);
  if (!is_undecided) return {};
  return apply_change(event, id, LetterState::kSettled, batch, [&](Json& json) {
    json["settledAt"] = format_rfc3339(event.time);
    json["outcome"] = to_string(status_of(outcome));
  });
}

// Whatever the appointment waited for is over.
Status apply_answer(const Event& event, AppointmentId appointment, Lifecycle outcome,
                    ReadModelBatch& batch) {
  const std::string key = appointment_key(kOfAppointment, event.tenant, appointment);
  const auto stored = batch.get(key);
  if (!stored) return failure(stored.error());
  if (!*stored) return {};
  const std::string ids{**stored};
  if (ids.size() % kIdSize != 0) return corrupt();
  for (std::size_t at = 0; at < ids.size(); at += kIdSize) {
    const auto settled = settle(event, DeadLetterId{read_uuid(ids, at)}, outcome, batch);
    if (!settled) return settled;
  }
  return batch.remove(key);
}

}  // namespace

std::string_view to_string(LetterState state) {
  return kLetterStateNames[static_cast<std::size_t>(state)];
}

std::optional<LetterState> parse_letter_state(std::string_view text) {
  for (std::size_t i = 0; i < kLetterStateNames.size(); ++i) {
    if (kLetterStateNames[i] == text) return static_cast<LetterState>(i);
  }
  return std::nullopt;
}

Status DeadLetters::apply(const Event& event, ReadModelBatch& batch) const {
  const auto answered = [&](const auto& data, Lifecycle outcome) {
    return apply_answer(event, data.ref.appointment, outcome, batch);
  };
  return std::visit(
      Match{[](const AppointmentRequested&) { return Status{}; },
            [&](const AppointmentConfirmed& data) { return answered(data, Lifecycle::kBooked); },
            [&](const AppointmentRejected& data) { return answered(data, Lifecycle::kRejected); },
            [&](const AppointmentCancelled& data) { return answered(data, Lifecycle::kCancelled); },
            [&](const DeadLetterRecorded& data) { return apply_recorded(event, data, batch); },
            [&](const DeadLetterRetried& data) { return apply_retried(event, data.id, batch); },
            [&](const DeadLetterDiscarded& data) { return apply_discarded(event, data, batch); }},
      event.data);
}

std::string letter_key(const TenantId& tenant, DeadLetterId letter) {
  return tenant_key(kLetter, tenant) + bytes_of_id(letter);
}

std::string list_key(const TenantId& tenant, std::optional<LetterState> state) {
  const char list = state ? to_string(*state).front() : kAll;
  return tenant_key(kIndex, tenant).append(1, list);
}

std::string letters_summary_key(const TenantId& tenant) { return tenant_key(kSummary, tenant); }

Result<LetterRow> parse_letter(std::string_view stored) {
  if (stored.size() <= kHeadSize) return corrupt();
  const std::size_t state = static_cast<unsigned char>(stored[0]);
  if (state >= kLetterStates) return corrupt();
  return LetterRow{.state = static_cast<LetterState>(state),
                   .first = Position{read_big_endian<std::uint64_t>(stored, 1)},
                   .changed_at = Position{read_big_endian<std::uint64_t>(stored, 9)},
                   .json = std::string(stored.substr(kHeadSize))};
}

Result<DeadLetterId> parse_list_entry(std::string_view stored) {
  if (stored.size() != kIdSize) return corrupt();
  return DeadLetterId{read_uuid(stored, 0)};
}

Result<LetterSummary> parse_letters_summary(std::string_view stored) {
  if (stored.size() != kSummarySize) return corrupt();
  LetterSummary summary;
  for (std::size_t i = 0; i < kLetterStates; ++i) {
    summary.count[i] = read_big_endian<std::uint64_t>(stored, i * 8);
  }
  summary.recorded = read_big_endian<std::uint64_t>(stored, kLetterStates * 8);
  summary.changed_at = Position{read_big_endian<std::uint64_t>(stored, (kLetterStates + 1) * 8)};
  return summary;
}

}  // namespace citas::projections

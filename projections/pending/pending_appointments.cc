#include "projections/pending/pending_appointments.h"

#include "projections/fields.h"

namespace citas::projections {
namespace {

constexpr char kPending = 'p';
constexpr char kLocator = 'l';
constexpr std::size_t kPendingKeySize = 1 + 8 + 8;
constexpr std::size_t kPendingFixedSize = 2 + 16;

std::string locator_key(const TenantId& tenant, AppointmentId appointment) {
  return appointment_key(kLocator, tenant, appointment);
}

Status apply_request(const Event& event, const AppointmentRef& ref, ReadModelBatch& batch) {
  std::string place;
  append_time(place, event.time);
  append_big_endian(place, event.position.value());
  std::string pending{ref.slot.country.text()};
  append_uuid(pending, ref.appointment.value());
  pending.append(event.tenant.value());
  if (auto done = batch.insert(kPending + place, std::move(pending)); !done) return done;
  return batch.insert(locator_key(event.tenant, ref.appointment), std::move(place));
}

// Answered already, or never requested here: nothing to do.
Status apply_answer(const Event& event, AppointmentId appointment, ReadModelBatch& batch) {
  const std::string locator = locator_key(event.tenant, appointment);
  const auto place = batch.get(locator);
  if (!place) return failure(place.error());
  if (!*place) return {};
  if (auto done = batch.remove(kPending + std::string(**place)); !done) return done;
  return batch.remove(locator);
}

Result<PendingAppointment> parse_pending(std::string_view key, std::string_view value) {
  const auto wrong = [] {
    return failure(ErrorCode::kCorruption,
                   "a stored request is unreadable: rebuild pending_appointments");
  };
  if (key.size() != kPendingKeySize || value.size() < kPendingFixedSize) return wrong();
  const auto country = CountryCode::parse(value.substr(0, 2));
  if (!country) return wrong();
  return PendingAppointment{.tenant = TenantId{std::string(value.substr(kPendingFixedSize))},
                            .appointment = AppointmentId{read_uuid(value, 2)},
                            .country = *country,
                            .requested = Position{read_big_endian<std::uint64_t>(key, 9)},
                            .requested_at = read_time(key, 1)};
}

}  // namespace

Status PendingAppointments::apply(const Event& event, ReadModelBatch& batch) const {
  const auto answered = [&](const auto& data) {
    return apply_answer(event, data.ref.appointment, batch);
  };
  return std::visit(
      Match{[&](const AppointmentRequested& data) { return apply_request(event, data.ref, batch); },
            [&](const AppointmentConfirmed& data) { return answered(data); },
            [&](const AppointmentRejected& data) { return answered(data); },
            [&](const AppointmentCancelled& data) { return answered(data); },
            [&](const DeadLetterRecorded& data) {
              return data.appointment ? apply_answer(event, *data.appointment, batch) : Status{};
            }},
      event.data);
}

Result<std::vector<PendingAppointment>> PendingQuery::requested_before(
    Timestamp time, const std::optional<PendingCursor>& after, std::size_t limit) const {
  const auto store = live_.store();
  if (!store) return failure(store.error());
  const auto view = (*store)->view();
  if (!view) return failure(view.error());
  std::vector<PendingAppointment> found;
  Status readable;
  const auto visit = [&](std::string_view key, std::string_view value) {
    if (found.size() == limit) return false;
    auto pending = parse_pending(key, value);
    if (pending) {
      found.push_back(*std::move(pending));
    } else {
      readable = failure(pending.error());
    }
    return readable.has_value();
  };
  std::string end{kPending};
  append_time(end, time);
  std::string begin{kPending};
  if (after) {
    append_time(begin, after->requested_at);
    append_big_endian(begin, after->requested.value() + 1);
  }
  if (auto scanned = (*view)->scan({begin, end}, Order::kAscending, visit); !scanned) {
    return failure(scanned.error());
  }
  if (!readable) return failure(readable.error());
  return found;
}

}  // namespace citas::projections

#include "projections/pending/pending_appointments.h"

#include "projections/ask.h"
#include "projections/fields.h"

namespace citas::projections {
namespace {

constexpr char kPending = 'p';
constexpr char kRetried = 'r';
constexpr char kLocator = 'l';
constexpr std::size_t kPlaceSize = 8 + 8;
constexpr std::size_t kPendingKeySize = 1 + kPlaceSize;
constexpr std::size_t kRetriedKeySize = 1 + 8;
constexpr std::size_t kWhoSize = 2 + 16;  // and the tenant

tl::unexpected<Error> corrupt() {
  return failure(ErrorCode::kCorruption,
                 "a stored request is unreadable: rebuild pending_appointments");
}

std::string locator_key(const TenantId& tenant, AppointmentId appointment) {
  return appointment_key(kLocator, tenant, appointment);
}

// What is needed to ask for an appointment again.
std::string who(const CountryCode& country, AppointmentId appointment, const TenantId& tenant) {
  std::string bytes{country.text()};
  append_uuid(bytes, appointment.value());
  return bytes.append(tenant.value());
}

struct Locator {
  std::string place;  // when and where it was requested
  std::string entry;  // the key of its entry; empty: it is a dead letter
};

Result<std::optional<Locator>> find_locator(const std::string& key, ReadModelBatch& batch) {
  const auto stored = batch.get(key);
  if (!stored) return failure(stored.error());
  if (!*stored) return std::nullopt;
  if ((*stored)->size() < kPlaceSize) return corrupt();
  return Locator{std::string((*stored)->substr(0, kPlaceSize)),
                 std::string((*stored)->substr(kPlaceSize))};
}

Status remove_entry(const Locator& locator, ReadModelBatch& batch) {
  return locator.entry.empty() ? Status{} : batch.remove(locator.entry);
}

Status apply_request(const Event& event, const AppointmentRef& ref, ReadModelBatch& batch) {
  std::string place;
  append_time(place, event.time);
  append_big_endian(place, event.position.value());
  const std::string entry = kPending + place;
  auto inserted = batch.insert(entry, who(ref.slot.country, ref.appointment, event.tenant));
  if (!inserted) return inserted;
  return batch.insert(locator_key(event.tenant, ref.appointment), place + entry);
}

// Answered already, or never requested here: nothing to do. The same for what follows.
Status apply_answer(const Event& event, AppointmentId appointment, ReadModelBatch& batch) {
  const std::string key = locator_key(event.tenant, appointment);
  const auto locator = find_locator(key, batch);
  if (!locator) return failure(locator.error());
  if (!*locator) return {};
  if (auto done = remove_entry(**locator, batch); !done) return done;
  return batch.remove(key);
}

Status apply_letter(const Event& event, const DeadLetterRecorded& letter, ReadModelBatch& batch) {
  // Nobody could ever retry a letter without an id, so its request goes on being asked for.
  if (!letter.id || !letter.appointment) return {};
  const std::string key = locator_key(event.tenant, *letter.appointment);
  const auto locator = find_locator(key, batch);
  if (!locator) return failure(locator.error());
  if (!*locator) return {};
  if (auto done = remove_entry(**locator, batch); !done) return done;
  return batch.put(key, (*locator)->place);
}

Status apply_retry(const Event& event, const DeadLetterRetried& retry, ReadModelBatch& batch) {
  const std::string key = locator_key(event.tenant, retry.appointment);
  const auto locator = find_locator(key, batch);
  if (!locator) return failure(locator.error());
  if (!*locator) return {};
  if (auto done = remove_entry(**locator, batch); !done) return done;
  std::string entry{kRetried};
  append_big_endian(entry, event.position.value());
  std::string value;
  append_time(value, event.time);
  value += (*locator)->place + who(retry.country, retry.appointment, event.tenant);
  if (auto done = batch.put(entry, std::move(value)); !done) return done;
  return batch.put(key, (*locator)->place + entry);
}

// `place` and `who` as above.
Result<PendingAppointment> parse_request(std::string_view place, std::string_view who) {
  if (place.size() != kPlaceSize || who.size() < kWhoSize) return corrupt();
  const auto country = CountryCode::parse(who.substr(0, 2));
  if (!country) return corrupt();
  return PendingAppointment{.tenant = TenantId{std::string(who.substr(kWhoSize))},
                            .appointment = AppointmentId{read_uuid(who, 2)},
                            .country = *country,
                            .requested = Position{read_big_endian<std::uint64_t>(place, 8)},
                            .requested_at = read_time(place, 0)};
}

Result<PendingAppointment> parse_pending(std::string_view key, std::string_view value) {
  if (key.size() != kPendingKeySize) return corrupt();
  return parse_request(key.substr(1), value);
}

Result<PendingAppointment> parse_retried(std::string_view key, std::string_view value) {
  if (key.size() != kRetriedKeySize || value.size() < 8 + kPlaceSize) return corrupt();
  auto pending = parse_request(value.substr(8, kPlaceSize), value.substr(8 + kPlaceSize));
  if (!pending) return pending;
  pending->retry = Position{read_big_endian<std::uint64_t>(key, 1)};
  pending->retried_at = read_time(value, 0);
  return pending;
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
            [&](const DeadLetterRecorded& data) { return apply_letter(event, data, batch); },
            [&](const DeadLetterRetried& data) { return apply_retry(event, data, batch); },
            // What it gives up has been rejected by an event of its own.
            [](const DeadLetterDiscarded&) { return Status{}; }},
      event.data);
}

Result<std::vector<PendingAppointment>> PendingQuery::read(const KeyRange& range, Parse parse,
                                                           std::size_t limit) const {
  return ask(live_, [&](ReadView& view) -> Result<std::vector<PendingAppointment>> {
    std::vector<PendingAppointment> found;
    Status readable;
    const auto visit = [&](std::string_view key, std::string_view value) {
      if (found.size() == limit) return false;
      auto pending = parse(key, value);
      if (pending) {
        found.push_back(*std::move(pending));
      } else {
        readable = failure(pending.error());
      }
      return readable.has_value();
    };
    const Status scanned = view.scan(range, Order::kAscending, visit);
    if (!scanned) return failure(scanned.error());
    if (!readable) return failure(readable.error());
    return found;
  });
}

Result<std::vector<PendingAppointment>> PendingQuery::requested_before(
    Timestamp time, const std::optional<PendingCursor>& after, std::size_t limit) const {
  std::string end{kPending};
  append_time(end, time);
  std::string begin{kPending};
  if (after) {
    append_time(begin, after->requested_at);
    append_big_endian(begin, after->requested.value() + 1);
  }
  return read({begin, end}, parse_pending, limit);
}

Result<std::vector<PendingAppointment>> PendingQuery::retried(Position after,
                                                              std::size_t limit) const {
  std::string begin{kRetried};
  append_big_endian(begin, after.value() + 1);
  const std::string end{kRetried + 1};
  return read({begin, end}, parse_retried, limit);
}

}  // namespace citas::projections

#include "projections/appointments/appointments_by_insured.h"

#include "projections/fields.h"

namespace citas::projections {
namespace {

constexpr char kOfInsured = 'i';
constexpr char kLocator = 'l';
constexpr char kSummary = '\0';
constexpr char kRow = '\1';
constexpr std::size_t kInsuredSize = 5;
constexpr std::size_t kSortKeySize = 8 + 16;
constexpr std::size_t kSummarySize = (kReachedLifecycles + 1) * 8;

tl::unexpected<Error> corrupt(std::string_view what) {
  return failure(ErrorCode::kCorruption,
                 std::string(what) + " is unreadable: rebuild appointments_by_insured");
}

std::string key_of_insured(const TenantId& tenant, const InsuredId& insured, char kind) {
  std::string key;
  key.reserve(1 + tenant.value().size() + 1 + kInsuredSize + 1 + kSortKeySize);
  key.append(1, kOfInsured).append(tenant.value()).append(1, '\0');
  key.append(insured.text()).append(1, kind);
  return key;
}

std::string encode(const InsuredSummary& summary) {
  std::string out;
  out.reserve(kSummarySize);
  for (const std::uint64_t count : summary.count) append_big_endian(out, count);
  append_big_endian(out, summary.changed_at.value());
  return out;
}

std::string encode(const Locator& locator) {
  std::string out{locator.insured.text()};
  append_time(out, locator.sort_time);
  return out;
}

std::uint64_t& count_of(InsuredSummary& summary, Lifecycle lifecycle) {
  return summary.count[static_cast<std::size_t>(lifecycle)];
}

// Moves one appointment of the insured `from` a lifecycle, if it had one, `to` another.
Status count(const Event& event, const AppointmentRef& ref, std::optional<Lifecycle> from,
             Lifecycle to, ReadModelBatch& batch) {
  const std::string key = summary_key(event.tenant, ref.insured);
  const auto stored = batch.get(key);
  if (!stored) return failure(stored.error());
  auto summary = *stored ? parse_summary(**stored) : InsuredSummary{};
  if (!summary) return failure(summary.error());
  if (from) --count_of(*summary, *from);
  ++count_of(*summary, to);
  summary->changed_at = event.position;
  return batch.put(key, encode(*summary));
}

Status apply_request(const Event& event, const AppointmentRequested& request,
                     ReadModelBatch& batch) {
  const AppointmentRef& ref = request.ref;
  const SortKey sort{request.details.date.value_or(event.time), ref.appointment};
  if (auto done = batch.insert(row_key(event.tenant, ref.insured, sort), new_row(event, request));
      !done) {
    return done;
  }
  if (auto done = batch.insert(locator_key(event.tenant, ref.appointment),
                               encode(Locator{ref.insured, sort.time}));
      !done) {
    return done;
  }
  return count(event, ref, std::nullopt, Lifecycle::kRequested, batch);
}

// The stored value of something that must be there.
Result<std::string_view> existing(ReadModelBatch& batch, std::string_view key) {
  const auto value = batch.get(key);
  if (!value) return failure(value.error());
  if (!*value) return failure(ErrorCode::kCorruption, "an appointment changed that was never made");
  return **value;
}

Result<std::string> key_of_row(const Event& event, const AppointmentRef& ref,
                               ReadModelBatch& batch) {
  const auto stored = existing(batch, locator_key(event.tenant, ref.appointment));
  if (!stored) return failure(stored.error());
  const auto locator = parse_locator(*stored);
  if (!locator) return failure(locator.error());
  return row_key(event.tenant, locator->insured, {locator->sort_time, ref.appointment});
}

// Replaces the appointment's row by what `change` makes of it.
template <typename Data>
Status apply_change(const Event& event, const Data& data, Lifecycle to,
                    std::string (*change)(const AppointmentRow&, const Event&, const Data&),
                    ReadModelBatch& batch) {
  const auto key = key_of_row(event, data.ref, batch);
  if (!key) return failure(key.error());
  const auto stored = existing(batch, *key);
  if (!stored) return failure(stored.error());
  const auto row = parse_row(*stored);
  if (!row) return failure(row.error());
  const Lifecycle from = row->lifecycle;
  if (auto done = batch.put(*key, change(*row, event, data)); !done) return done;
  return count(event, data.ref, from, to, batch);
}

}  // namespace

Status AppointmentsByInsured::apply(const Event& event, ReadModelBatch& batch) const {
  return std::visit(
      Match{[&](const AppointmentRequested& data) { return apply_request(event, data, batch); },
            [&](const AppointmentConfirmed& data) {
              return apply_change(event, data, Lifecycle::kBooked, confirmed_row, batch);
            },
            [&](const AppointmentRejected& data) {
              return apply_change(event, data, Lifecycle::kRejected, rejected_row, batch);
            },
            [&](const AppointmentCancelled& data) {
              return apply_change(event, data, Lifecycle::kCancelled, cancelled_row, batch);
            },
            [](const DeadLetterRecorded&) { return Status{}; },
            [](const DeadLetterRetried&) { return Status{}; },
            [](const DeadLetterDiscarded&) { return Status{}; }},
      event.data);
}

std::string summary_key(const TenantId& tenant, const InsuredId& insured) {
  return key_of_insured(tenant, insured, kSummary);
}

std::string rows_key(const TenantId& tenant, const InsuredId& insured) {
  return key_of_insured(tenant, insured, kRow);
}

std::string row_key(const TenantId& tenant, const InsuredId& insured, const SortKey& sort) {
  std::string key = rows_key(tenant, insured);
  append_time(key, sort.time);
  append_uuid(key, sort.appointment.value());
  return key;
}

std::string locator_key(const TenantId& tenant, AppointmentId appointment) {
  return appointment_key(kLocator, tenant, appointment);
}

Result<InsuredSummary> parse_summary(std::string_view stored) {
  if (stored.size() != kSummarySize) return corrupt("a stored summary");
  InsuredSummary summary;
  for (std::size_t i = 0; i < kReachedLifecycles; ++i) {
    summary.count[i] = read_big_endian<std::uint64_t>(stored, i * 8);
  }
  summary.changed_at = Position{read_big_endian<std::uint64_t>(stored, kReachedLifecycles * 8)};
  return summary;
}

Result<SortKey> parse_sort_key(std::string_view row_key) {
  if (row_key.size() < kSortKeySize) return corrupt("the key of a stored appointment");
  const std::size_t start = row_key.size() - kSortKeySize;
  return SortKey{read_time(row_key, start), AppointmentId{read_uuid(row_key, start + 8)}};
}

Result<Locator> parse_locator(std::string_view stored) {
  if (stored.size() != kInsuredSize + 8) return corrupt("a stored locator");
  const auto insured = InsuredId::parse(stored.substr(0, kInsuredSize));
  if (!insured) return corrupt("a stored locator");
  return Locator{*insured, read_time(stored, kInsuredSize)};
}

}  // namespace citas::projections

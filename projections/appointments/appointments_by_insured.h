// appointments_by_insured: what GET /appointments/{insuredId} returns.
//
// Keys (tenants hold no zero byte; integers are big-endian):
//
//   'i' tenant 0 insured(5) 0                       summary: appointments in each lifecycle
//                                                   (8 each, in the enum's order) ‖
//                                                   changed_at (8)
//   'i' tenant 0 insured(5) 1 sort_time(8) id(16)   the row (appointment_row.h)
//   'l' tenant 0 id(16)                             where it is: insured(5) ‖ sort_time(8)
//
// The sort time is the visit's date, or the time of the request where there is none: in
// milliseconds since 1970, the sign bit flipped so that bytes sort as numbers do. An insured's
// summary stands right before their rows: a page is one range read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/event.h"
#include "projections/appointments/appointment_row.h"
#include "projections/projection.h"

namespace citas::projections {

class AppointmentsByInsured final : public Projection {
 public:
  static constexpr std::string_view kName = "appointments_by_insured";

  std::string_view name() const override { return kName; }
  std::uint32_t version() const override { return 1; }
  Status apply(const Event& event, ReadModelBatch& batch) const override;
};

// Where an appointment stands in its insured's list.
struct SortKey {
  Timestamp time;
  AppointmentId appointment;
  friend auto operator<=>(const SortKey&, const SortKey&) = default;
};

struct InsuredSummary {
  std::array<std::uint64_t, kReachedLifecycles> count{};
  Position changed_at;  // the event that last changed anything of this insured
};

std::string summary_key(const TenantId& tenant, const InsuredId& insured);
// What the keys of all rows of an insured begin with.
std::string rows_key(const TenantId& tenant, const InsuredId& insured);
std::string row_key(const TenantId& tenant, const InsuredId& insured, const SortKey& sort);
std::string locator_key(const TenantId& tenant, AppointmentId appointment);

// Corruption: not what this projection wrote. The same for the others.
Result<InsuredSummary> parse_summary(std::string_view stored);
// Of a row's key.
Result<SortKey> parse_sort_key(std::string_view row_key);

struct Locator {
  InsuredId insured;
  Timestamp sort_time;
};
Result<Locator> parse_locator(std::string_view stored);

}  // namespace citas::projections

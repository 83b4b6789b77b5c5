// AppointmentsQuery: the read side's questions, answered from appointments_by_insured.
//
// A page is one range read and a concatenation of stored rows; its total, its rows and its
// position belong to one commit. Whole lists, which is what nearly everybody asks for, are kept in
// memory and answered from there as long as nothing of the insured has changed.
// Thread-safe: called by every HTTP reader thread.
//
// Errors of every call, besides those it names: Unavailable (the read model is being built; retry),
// Corruption (stored bytes are wrong; rebuild the projection).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"
#include "projections/appointments/appointment_row.h"
#include "projections/appointments/appointments_by_insured.h"
#include "projections/appointments/page_cache.h"
#include "projections/live_projection.h"
#include "projections/read_store.h"

namespace citas::projections {

struct AppointmentsFilter {
  std::optional<RequestStatus> status = std::nullopt;
  std::optional<Lifecycle> lifecycle = std::nullopt;
  std::optional<CountryCode> country = std::nullopt;
  // Of the time by which the list is sorted (date, or creation): from <= time < to.
  std::optional<Timestamp> from = std::nullopt;
  std::optional<Timestamp> to = std::nullopt;
  Order order = Order::kAscending;

  friend bool operator==(const AppointmentsFilter&, const AppointmentsFilter&) = default;
};

inline constexpr std::size_t kMaxPageLimit = 100;
inline constexpr std::size_t kDefaultPageLimit = 50;
inline constexpr std::size_t kDefaultPageCacheBytes = std::size_t{64} << 20;

struct AppointmentsPageRequest {
  std::size_t limit = kDefaultPageLimit;  // 1 … kMaxPageLimit
  std::string_view cursor = {};           // empty: from the beginning
};

struct AppointmentFound {
  std::string json;
  Position reflected;
  Position last_changed;  // of this appointment
};

class AppointmentsQuery {
 public:
  // Borrows; all outlive the query. Keeps pages of at most `page_cache_bytes`.
  AppointmentsQuery(const LiveProjection& live, const EventLog& log, const Codec& codec,
                    std::size_t page_cache_bytes = kDefaultPageCacheBytes);

  // InvalidArgument: a cursor that was not given out for this insured, filter and time (the present
  // or an `as_of`), or a limit out of bounds. A cursor names the last appointment seen, so pages
  // neither repeat nor skip those that were there, whatever is booked meanwhile.
  Result<AppointmentsPage> list(const TenantId& tenant, const InsuredId& insured,
                                const AppointmentsFilter& filter,
                                const AppointmentsPageRequest& page) const;
  // NotFound: no such appointment, or another insured's.
  Result<AppointmentFound> find(const TenantId& tenant, const InsuredId& insured,
                                AppointmentId appointment) const;

  // The same as they would have been answered when the log ended at `as_of`, by folding the
  // insured's events up to there. InvalidArgument: the log does not reach that far.
  Result<AppointmentsPage> list_as_of(Position as_of, const TenantId& tenant,
                                      const InsuredId& insured, const AppointmentsFilter& filter,
                                      const AppointmentsPageRequest& page) const;
  Result<AppointmentFound> find_as_of(Position as_of, const TenantId& tenant,
                                      const InsuredId& insured, AppointmentId appointment) const;

  // What list() and find() reflect at this moment.
  Position position() const { return live_.position(); }
  // Of the read model: representations of another version may differ.
  std::uint32_t version() const { return AppointmentsByInsured{}.version(); }

  PageCache::Stats cache_stats() const { return pages_->stats(); }

 private:
  Result<AppointmentsPage> list_whole(const std::shared_ptr<const ReadStore>& store,
                                      const TenantId& tenant, const InsuredId& insured) const;

  const LiveProjection& live_;
  const EventLog& log_;
  const Codec& codec_;
  const std::unique_ptr<PageCache> pages_;
};

}  // namespace citas::projections

#include "projections/appointments/appointments_query.h"

#include <algorithm>

#include "projections/appointments/appointments_by_insured.h"
#include "projections/appointments/cursor.h"
#include "projections/ask.h"
#include "projections/fields.h"
#include "projections/fold.h"

namespace citas::projections {
namespace {

// What a list is asked for, in one text, so that a cursor is good for nothing else.
std::string question_of(const TenantId& tenant, const InsuredId& insured,
                        const AppointmentsFilter& filter, std::optional<Position> as_of) {
  std::string question = rows_key(tenant, insured);
  const auto append = [&](const auto& value, auto&& text) {
    question.append(1, value ? '+' : '-');
    if (value) question.append(text(*value));
  };
  const auto time_text = [](Timestamp time) { return format_rfc3339(time); };
  const auto enum_text = [](auto value) { return to_string(value); };
  append(filter.status, enum_text);
  append(filter.lifecycle, enum_text);
  append(filter.country, [](const CountryCode& country) { return country.text(); });
  append(filter.from, time_text);
  append(filter.to, time_text);
  question.append(1, filter.order == Order::kAscending ? 'a' : 'd');
  if (as_of) append_big_endian(question, as_of->value());
  return question;
}

bool passes(const AppointmentsFilter& filter, const AppointmentRow& row) {
  return (!filter.status || row.status == *filter.status) &&
         (!filter.lifecycle || row.lifecycle == *filter.lifecycle) &&
         (!filter.country || row.country == *filter.country);
}

// The total that the summary knows; nullopt when only counting the rows can tell.
std::optional<std::uint64_t> kept_total(const InsuredSummary& summary,
                                        const AppointmentsFilter& filter) {
  if (filter.country || filter.from || filter.to) return std::nullopt;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kReachedLifecycles; ++i) {
    const auto lifecycle = static_cast<Lifecycle>(i);
    const bool wanted = (!filter.lifecycle || lifecycle == *filter.lifecycle) &&
                        (!filter.status || status_of(lifecycle) == *filter.status);
    if (wanted) total += summary.count[i];
  }
  return total;
}

struct OwnedRange {
  std::string from;
  std::string to;
};

// The keys of the insured's rows within the filter's time range.
OwnedRange rows_in_time(const TenantId& tenant, const InsuredId& insured,
                        const AppointmentsFilter& filter) {
  OwnedRange range{rows_key(tenant, insured), rows_key(tenant, insured)};
  if (filter.to) {
    append_time(range.to, *filter.to);
  } else {
    ++range.to.back();
  }
  if (filter.from) append_time(range.from, *filter.from);
  return range;
}

// Leaves only what comes after the key of the last row seen.
void continue_after(OwnedRange& range, const std::string& last_seen, Order order) {
  if (order == Order::kAscending) {
    range.from = std::max(range.from, last_seen + '\0');
  } else {
    range.to = std::min(range.to, last_seen);
  }
}

// Collects one page from the rows that a scan visits.
class PageBuilder {
 public:
  PageBuilder(const AppointmentsFilter& filter, std::size_t limit)
      : filter_(filter), limit_(limit) {
    json_.reserve(1'024);
    json_.push_back('[');
  }

  // Whether the page has room for more rows, or needs to know that there are more.
  bool add(std::string_view key, std::string_view stored) {
    const auto row = parse_row(stored);
    if (!row) {
      status_ = failure(row.error());
      return false;
    }
    if (!passes(filter_, *row)) return true;
    if (rows_ == limit_) {
      has_more_ = true;
      return false;
    }
    if (rows_++ > 0) json_.push_back(',');
    json_.append(row->json);
    last_key_.assign(key);
    return true;
  }

  const citas::Status& status() const { return status_; }
  bool has_more() const { return has_more_; }
  const std::string& last_key() const { return last_key_; }
  std::string take_json() {
    json_.push_back(']');
    return std::move(json_);
  }

 private:
  const AppointmentsFilter& filter_;
  const std::size_t limit_;
  std::string json_;
  std::string last_key_;
  std::size_t rows_ = 0;
  bool has_more_ = false;
  citas::Status status_;
};

Result<std::uint64_t> count_rows(ReadView& view, const OwnedRange& range,
                                 const AppointmentsFilter& filter) {
  std::uint64_t total = 0;
  Status readable;
  const auto visit = [&](std::string_view, std::string_view stored) {
    const auto row = parse_row(stored);
    if (!row) readable = failure(row.error());
    if (row && passes(filter, *row)) ++total;
    return row.has_value();
  };
  if (auto scanned = view.scan({range.from, range.to}, filter.order, visit); !scanned) {
    return failure(scanned.error());
  }
  if (!readable) return failure(readable.error());
  return total;
}

// One list request against one view, of the present or as of a position.
class ListReader {
 public:
  ListReader(ReadView& view, const TenantId& tenant, const InsuredId& insured,
             const AppointmentsFilter& filter, std::string_view secret,
             std::optional<Position> as_of = std::nullopt)
      : view_(view),
        tenant_(tenant),
        insured_(insured),
        filter_(filter),
        secret_(secret),
        as_of_(as_of) {}

  Result<AppointmentsPage> read(const AppointmentsPageRequest& request) {
    if (request.limit < 1 || request.limit > kMaxPageLimit) {
      return failure(ErrorCode::kInvalidArgument,
                     "the limit must be 1 to " + std::to_string(kMaxPageLimit));
    }
    // The range of the page is settled first: a wrong cursor is wrong for an empty list, too.
    OwnedRange range = rows_in_time(tenant_, insured_, filter_);
    if (!request.cursor.empty()) {
      const auto seen = parse_cursor(request.cursor, question(), secret_);
      if (!seen) return failure(seen.error());
      continue_after(range, row_key(tenant_, insured_, *seen), filter_.order);
    }
    const auto summary = read_summary();
    if (!summary) return failure(summary.error());
    return read_rows(*summary, range, request.limit);
  }

 private:
  std::string question() const { return question_of(tenant_, insured_, filter_, as_of_); }

  Result<InsuredSummary> read_summary() {
    const auto stored = view_.get(summary_key(tenant_, insured_));
    if (!stored) return failure(stored.error());
    return *stored ? parse_summary(**stored) : InsuredSummary{};
  }

  Result<AppointmentsPage> read_rows(const InsuredSummary& summary, const OwnedRange& range,
                                     std::size_t limit) {
    PageBuilder builder(filter_, limit);
    const auto visit = [&](std::string_view key, std::string_view row) {
      return builder.add(key, row);
    };
    if (auto scanned = view_.scan({range.from, range.to}, filter_.order, visit); !scanned) {
      return failure(scanned.error());
    }
    if (!builder.status()) return failure(builder.status().error());
    const auto total = total_of(summary);
    if (!total) return failure(total.error());
    AppointmentsPage page{.appointments = builder.take_json(),
                          .total = *total,
                          .has_more = builder.has_more(),
                          .next_cursor = {},
                          .reflected = view_.position(),
                          .last_changed = summary.changed_at};
    return with_cursor(std::move(page), builder.last_key());
  }

  Result<std::uint64_t> total_of(const InsuredSummary& summary) {
    if (const auto kept = kept_total(summary, filter_)) return *kept;
    return count_rows(view_, rows_in_time(tenant_, insured_, filter_), filter_);
  }

  Result<AppointmentsPage> with_cursor(AppointmentsPage page, std::string_view last_key) {
    if (!page.has_more) return page;
    const auto last = parse_sort_key(last_key);
    if (!last) return failure(last.error());
    page.next_cursor = make_cursor(*last, question(), secret_);
    return page;
  }

  ReadView& view_;
  const TenantId& tenant_;
  const InsuredId& insured_;
  const AppointmentsFilter& filter_;
  const std::string_view secret_;
  const std::optional<Position> as_of_;
};

// nullopt: there is none, or it is another insured's.
Result<std::optional<std::string>> read_appointment(ReadView& view, const TenantId& tenant,
                                                    const InsuredId& insured,
                                                    AppointmentId appointment) {
  const auto stored = view.get(locator_key(tenant, appointment));
  if (!stored) return failure(stored.error());
  if (!*stored) return std::nullopt;
  const auto locator = parse_locator(**stored);
  if (!locator) return failure(locator.error());
  if (locator->insured != insured) return std::nullopt;
  return view.get(row_key(tenant, insured, {locator->sort_time, appointment}));
}

Result<AppointmentFound> find_in(ReadView& view, const TenantId& tenant, const InsuredId& insured,
                                 AppointmentId appointment) {
  const auto stored = read_appointment(view, tenant, insured, appointment);
  if (!stored) return failure(stored.error());
  if (!*stored) return failure(ErrorCode::kNotFound, "the insured has no such appointment");
  const auto row = parse_row(**stored);
  if (!row) return failure(row.error());
  return AppointmentFound{.json = std::string(row->json),
                          .reflected = view.position(),
                          .last_changed = row->changed_at};
}

}  // namespace

AppointmentsQuery::AppointmentsQuery(const LiveProjection& live, const EventLog& log,
                                     const Codec& codec, std::size_t page_cache_bytes)
    : live_(live),
      log_(log),
      codec_(codec),
      pages_(std::make_unique<PageCache>(page_cache_bytes)) {}

Result<AppointmentsPage> AppointmentsQuery::list(const TenantId& tenant, const InsuredId& insured,
                                                 const AppointmentsFilter& filter,
                                                 const AppointmentsPageRequest& page) const {
  const auto store = live_.store();
  if (!store) return failure(store.error());
  const bool is_whole = page.cursor.empty() && page.limit == kDefaultPageLimit;
  if (is_whole && filter == AppointmentsFilter{}) return list_whole(*store, tenant, insured);
  return live_.checked(ask(**store, [&](ReadView& view) {
    return ListReader(view, tenant, insured, filter, log_.fingerprint_key()).read(page);
  }));
}

// The list that is asked for without a word about it.
Result<AppointmentsPage> AppointmentsQuery::list_whole(
    const std::shared_ptr<const ReadStore>& store, const TenantId& tenant,
    const InsuredId& insured) const {
  const std::string key = summary_key(tenant, insured);
  if (auto kept = pages_->find(key, store)) return *std::move(kept);
  return live_.checked(ask(*store, [&](ReadView& view) {
    auto page = ListReader(view, tenant, insured, {}, log_.fingerprint_key()).read({});
    if (page) pages_->keep(key, store, view.revision(), *page);
    return page;
  }));
}

Result<AppointmentFound> AppointmentsQuery::find(const TenantId& tenant, const InsuredId& insured,
                                                 AppointmentId appointment) const {
  return ask(live_, [&](ReadView& view) { return find_in(view, tenant, insured, appointment); });
}

Result<AppointmentsPage> AppointmentsQuery::list_as_of(Position as_of, const TenantId& tenant,
                                                       const InsuredId& insured,
                                                       const AppointmentsFilter& filter,
                                                       const AppointmentsPageRequest& page) const {
  const auto store = fold(AppointmentsByInsured{}, log_, codec_,
                          {.tenant = tenant, .tag = insured_tag(insured), .last = as_of});
  if (!store) return failure(store.error());
  return ask(**store, [&](ReadView& view) {
    return ListReader(view, tenant, insured, filter, log_.fingerprint_key(), as_of).read(page);
  });
}

Result<AppointmentFound> AppointmentsQuery::find_as_of(Position as_of, const TenantId& tenant,
                                                       const InsuredId& insured,
                                                       AppointmentId appointment) const {
  const auto store = fold(AppointmentsByInsured{}, log_, codec_,
                          {.tenant = tenant, .tag = appointment_tag(appointment), .last = as_of});
  if (!store) return failure(store.error());
  return ask(**store, [&](ReadView& view) { return find_in(view, tenant, insured, appointment); });
}

}  // namespace citas::projections

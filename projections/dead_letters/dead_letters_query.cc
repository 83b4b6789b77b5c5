#include "projections/dead_letters/dead_letters_query.h"

#include <vector>

#include "events/base/check.h"
#include "projections/ask.h"
#include "projections/fields.h"
#include "projections/fold.h"

namespace citas::projections {
namespace {

// The entry of a list, and where it is.
struct Entry {
  Position first;
  DeadLetterId letter;
};

Result<LetterSummary> read_summary(ReadView& view, const TenantId& tenant) {
  const auto stored = view.get(letters_summary_key(tenant));
  if (!stored) return failure(stored.error());
  return *stored ? parse_letters_summary(**stored) : LetterSummary{};
}

std::uint64_t total_of(const LetterSummary& summary, std::optional<LetterState> state) {
  if (state) return summary.count[static_cast<std::size_t>(*state)];
  std::uint64_t total = 0;
  for (const std::uint64_t count : summary.count) total += count;
  return total;
}

Result<std::vector<Entry>> read_entries(ReadView& view, const TenantId& tenant,
                                        const DeadLettersFilter& filter, std::size_t limit,
                                        std::optional<Position> from) {
  const std::string list = list_key(tenant, filter.state);
  std::string begin = list;
  std::string end = list;
  if (from && filter.order == Order::kAscending) append_big_endian(begin, from->value());
  if (from && filter.order == Order::kDescending) {
    append_big_endian(end, from->value() + 1);
  } else {
    ++end.back();
  }
  std::vector<Entry> entries;
  Status readable;
  const auto visit = [&](std::string_view key, std::string_view value) {
    if (entries.size() == limit) return false;
    const auto letter = parse_list_entry(value);
    if (!letter) {
      readable = failure(letter.error());
      return false;
    }
    entries.push_back({Position{read_big_endian<std::uint64_t>(key, list.size())}, *letter});
    return true;
  };
  if (auto scanned = view.scan({begin, end}, filter.order, visit); !scanned) {
    return failure(scanned.error());
  }
  if (!readable) return failure(readable.error());
  return entries;
}

Result<LetterRow> read_letter(ReadView& view, const TenantId& tenant, DeadLetterId letter) {
  const auto stored = view.get(letter_key(tenant, letter));
  if (!stored) return failure(stored.error());
  if (!*stored) return failure(ErrorCode::kNotFound, "there is no such dead letter");
  return parse_letter(**stored);
}

Result<DeadLetterFound> find_in(ReadView& view, const TenantId& tenant, DeadLetterId letter) {
  auto row = read_letter(view, tenant, letter);
  if (!row) return failure(row.error());
  return DeadLetterFound{std::move(row->json), view.position(), row->changed_at};
}

Result<DeadLettersPage> read_page(ReadView& view, const TenantId& tenant,
                                  const DeadLettersFilter& filter, std::size_t limit,
                                  std::optional<Position> from) {
  const auto summary = read_summary(view, tenant);
  if (!summary) return failure(summary.error());
  auto entries = read_entries(view, tenant, filter, limit + 1, from);
  if (!entries) return failure(entries.error());
  DeadLettersPage page{.letters = "[",
                       .total = total_of(*summary, filter.state),
                       .next = {},
                       .reflected = view.position(),
                       .last_changed = summary->changed_at};
  if (entries->size() > limit) {
    page.next = entries->back().first;
    entries->pop_back();
  }
  for (const Entry& entry : *entries) {
    const auto row = read_letter(view, tenant, entry.letter);
    if (!row) return failure(row.error());
    if (page.letters.size() > 1) page.letters.push_back(',');
    page.letters.append(row->json);
  }
  page.letters.push_back(']');
  return page;
}

}  // namespace

Result<DeadLettersPage> DeadLettersQuery::list(const TenantId& tenant,
                                               const DeadLettersFilter& filter, std::size_t limit,
                                               std::optional<Position> from) const {
  return ask(live_, [&](ReadView& view) { return read_page(view, tenant, filter, limit, from); });
}

Result<DeadLetterFound> DeadLettersQuery::find(const TenantId& tenant, DeadLetterId letter) const {
  return ask(live_, [&](ReadView& view) { return find_in(view, tenant, letter); });
}

Result<DeadLetterFound> DeadLettersQuery::find_after(const Event& event) const {
  const auto letter = dead_letter_of(event.data);
  CHECK(letter.has_value());
  // The appointment's tag has the letter's events, and what became of the appointment besides.
  const auto appointment = appointment_of(event.data);
  const Tag tag = appointment ? appointment_tag(*appointment) : dead_letter_tag(*letter);
  const auto store = fold(DeadLetters{}, log_, codec_,
                          {.tenant = event.tenant, .tag = tag, .last = event.position});
  if (!store) return failure(store.error());
  return ask(**store, [&](ReadView& view) { return find_in(view, event.tenant, *letter); });
}

Result<LetterSummary> DeadLettersQuery::summary(const TenantId& tenant) const {
  return ask(live_, [&](ReadView& view) { return read_summary(view, tenant); });
}

}  // namespace citas::projections

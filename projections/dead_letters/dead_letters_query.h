// DeadLettersQuery: the operators' questions, answered from dead_letters.
//
// Thread-safe. Errors of every call, besides those it names: Unavailable (the read model is being
// built; retry), Corruption (stored bytes are wrong; rebuild the projection).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "events/codec.h"
#include "events/event_log.h"
#include "projections/dead_letters/dead_letters.h"
#include "projections/live_projection.h"
#include "projections/read_store.h"

namespace citas::projections {

struct DeadLettersFilter {
  std::optional<LetterState> state = std::nullopt;
  Order order = Order::kDescending;  // by when they were recorded for the first time
};

struct DeadLettersPage {
  std::string letters;           // a JSON array
  std::uint64_t total = 0;       // that pass the filter, on all pages
  std::optional<Position> next;  // where the next page begins; nullopt: there is none
  Position reflected;
  Position last_changed;  // the last event of any letter; 0: there never was one
};

struct DeadLetterFound {
  std::string json;
  Position reflected;
  Position last_changed;
};

class DeadLettersQuery {
 public:
  // Borrows; all outlive the query.
  DeadLettersQuery(const LiveProjection& live, const EventLog& log, const Codec& codec)
      : live_(live), log_(log), codec_(codec) {}

  // `from`: the `next` of the page before.
  Result<DeadLettersPage> list(const TenantId& tenant, const DeadLettersFilter& filter,
                               std::size_t limit, std::optional<Position> from) const;
  // NotFound: no such letter.
  Result<DeadLetterFound> find(const TenantId& tenant, DeadLetterId letter) const;
  // The letter that `event`, one of its own, left behind: always the same. NotFound as above.
  Result<DeadLetterFound> find_after(const Event& event) const;
  Result<LetterSummary> summary(const TenantId& tenant) const;

  // What list() and find() reflect at least.
  Position position() const { return live_.position(); }
  // Of the read model: representations of another version may differ.
  std::uint32_t version() const { return DeadLetters{}.version(); }

 private:
  const LiveProjection& live_;
  const EventLog& log_;
  const Codec& codec_;
};

}  // namespace citas::projections

// Codec: events as CloudEvents 1.0 JSON documents, and back.
//
// The bytes that encode() returns are the ones stored, hashed, exported and published; they are
// never re-encoded. One encoder, one decoder (simdjson, on demand).
//
//   {"specversion":"1.0","id":…,"source":"citas/<logId>/<partition>","type":…,"subject":…,
//    "time":…,"position":"<decimal>","tenant":…,"actor":…,"commandid":…,
//    ["correlationid":…,]["causationid":…,]["traceparent":…,]"data":{…}}
//
// `subject` is the appointment's id, where there is one. Source: CloudEvents 1.0.2, JSON format.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "events/event.h"
#include "events/log_identity.h"

namespace citas {

// Turns the data of a type that is no longer written into that of its successor.
struct Upcaster {
  std::string from_type;
  std::string to_type;  // in the type table, or the from_type of another upcaster
  // `data` is the JSON object of the old type. Pure.
  Result<std::string> (*convert)(std::string_view data);
};

// Immutable; share it between threads.
class Codec {
 public:
  explicit Codec(std::vector<Upcaster> upcasters = {});

  // The bytes of an event of this log. Never fails: events hold only checked values.
  static std::string encode(const Event& event, const LogIdentity& log);

  // Corruption: not a document that encode() or a published predecessor wrote, or an unknown type.
  Result<Event> decode(std::string_view bytes) const;
  // The same for a reader that skips types it does not know: nullopt.
  Result<std::optional<Event>> decode_known(std::string_view bytes) const;

  // Changes whenever decode() would give another event for the same bytes: projections built
  // under another revision are rebuilt.
  std::size_t revision() const { return upcasters_.size(); }

 private:
  const Upcaster* find_upcaster(std::string_view type) const;

  std::vector<Upcaster> upcasters_;
};

}  // namespace citas

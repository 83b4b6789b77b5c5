// Reads the parameters of a path and a query, and collects everything that is wrong with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "api/field_error.h"
#include "api/problems.h"
#include "api/router.h"
#include "events/base/time.h"
#include "events/ids.h"
#include "projections/read_store.h"

namespace citas::api {

// For one request on one thread. Borrows the call.
class ParameterReader {
 public:
  explicit ParameterReader(const Call& call) : call_(call) {}

  // What `parse` (string_view -> optional) makes of a path parameter; its default when that is
  // nothing, which is then an error.
  template <typename Parse>
  auto path(std::size_t index, std::string_view name, const Parse& parse, const FieldFault& fault) {
    const auto value = parse(call_.parameters[index]);
    if (!value) fail(name, fault);
    return value.value_or(std::decay_t<decltype(*value)>{});
  }

  // What `parse` makes of a query parameter; nullopt when it is absent, or wrong.
  template <typename Parse>
  auto query(std::string_view name, const Parse& parse, const FieldFault& fault) {
    const std::string* text = find(name);
    auto value =
        text != nullptr ? parse(std::string_view{*text}) : decltype(parse(std::string_view{}))();
    if (text != nullptr && !value) fail(name, fault);
    return value;
  }

  bool has(std::string_view name) const;
  // A parameter that is known, but not to be sent here.
  void refuse(std::string_view name, const FieldFault& fault) {
    known_.push_back(name);
    fail(name, fault);
  }
  void fail(std::string_view name, const FieldFault& fault) {
    errors_.push_back(field_error(name, fault));
  }

  // Everything wrong with what was read, and every query parameter that nobody asked for.
  // Call it once, after the last read.
  std::vector<FieldError> take_errors();
  // The same as a problem; nullopt when all is well.
  std::optional<Problem> problem();

 private:
  const std::string* find(std::string_view name);

  const Call& call_;
  std::vector<std::string_view> known_;
  std::vector<FieldError> errors_;
};

// Parameters that several routes take.
InsuredId read_insured(ParameterReader& reader, std::size_t index);
AppointmentId read_appointment(ParameterReader& reader, std::size_t index);
std::size_t read_limit(ParameterReader& reader);
// The order of a list, asc or desc; nullopt: not asked for.
std::optional<projections::Order> read_order(ParameterReader& reader);
std::optional<Position> read_position(ParameterReader& reader, std::string_view name);
// A time, RFC 3339 with an offset; a "+" that was sent unescaped, and so came as a space, counts.
std::optional<Timestamp> read_time(ParameterReader& reader, std::string_view name);

// For routes without parameters: the problem of having sent some.
std::optional<Problem> refuse_parameters(const Call& call);

// The Idempotency-Key: 1 … 255 visible characters, bare or as a quoted string (RFC 8941, section
// 3.3.3; both forms of the same characters are the same key). nullopt: none was sent, or one that
// was added to `errors`.
std::optional<std::string> read_idempotency_key(const http::Headers& headers,
                                                std::vector<FieldError>& errors);

// The version that an If-Match demands, as its ETag names it; one that never was for a tag that is
// not ours, or of another epoch of the log. nullopt: none is demanded, or the header is wrong and
// was added to `errors`.
std::optional<Position> read_if_match(const http::Headers& headers, Epoch epoch,
                                      std::vector<FieldError>& errors);

}  // namespace citas::api

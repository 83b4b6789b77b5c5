#include "api/parameters.h"

#include <algorithm>

#include "api/responses.h"
#include "events/base/number.h"
#include "projections/appointments/appointments_query.h"

namespace citas::api {
namespace {

constexpr std::size_t kMaxIdempotencyKeySize = 255;

constexpr FieldFault kNotInsuredId{"invalid_insured_id", "must be exactly five ASCII digits"};
constexpr FieldFault kNotLimit{"invalid_limit", "must be an integer from 1 to 100"};
static_assert(projections::kMaxPageLimit == 100);
constexpr FieldFault kNotOrder{"invalid_order", "must be asc or desc"};
constexpr FieldFault kNotTime{"invalid_time", "must be an RFC 3339 date-time with an offset"};
constexpr FieldFault kNotEntityTag{"invalid_entity_tag", "must be one entity tag, or *"};
constexpr FieldFault kNotKey{"invalid_idempotency_key",
                             "must be 1 to 255 visible ASCII characters, bare or double-quoted"};

std::optional<std::size_t> parse_limit(std::string_view text) {
  const auto limit = parse_number<std::size_t>(text);
  return limit && *limit >= 1 && *limit <= projections::kMaxPageLimit ? limit : std::nullopt;
}

std::optional<AppointmentId> parse_appointment_id(std::string_view text) {
  const auto id = Uuid::parse(text);
  return id ? std::optional(AppointmentId{*id}) : std::nullopt;
}

std::optional<Timestamp> parse_time(std::string_view text) {
  std::string repaired{text};
  std::ranges::replace(repaired, ' ', '+');
  return parse_rfc3339(repaired);
}

std::optional<projections::Order> parse_order(std::string_view text) {
  if (text == "asc") return projections::Order::kAscending;
  if (text == "desc") return projections::Order::kDescending;
  return std::nullopt;
}

bool is_visible(char c) { return c > ' ' && c <= '~'; }

// The content of a quoted string, or nullopt when it is not properly quoted.
std::optional<std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string content;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || (text[i] != '"' && text[i] != '\\')) return std::nullopt;
    }
    content.push_back(text[i]);
  }
  return content;
}

// An entity tag (RFC 9110, section 8.8.3): `"…"`, perhaps with a leading W/.
bool is_entity_tag(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  return text.substr(1, text.size() - 2).find('"') == std::string_view::npos;
}

std::optional<std::string> parse_key(std::string_view text) {
  auto key = text.starts_with('"') ? unquoted(text) : std::string{text};
  if (!key || key->empty() || key->size() > kMaxIdempotencyKeySize) return std::nullopt;
  return std::ranges::all_of(*key, is_visible) ? key : std::nullopt;
}

}  // namespace

bool ParameterReader::has(std::string_view name) const {
  return std::ranges::find(call_.request.query, name, &http::Field::name) !=
         call_.request.query.end();
}

const std::string* ParameterReader::find(std::string_view name) {
  if (call_.request.query.empty()) return nullptr;
  known_.push_back(name);
  const std::string* found = nullptr;
  for (const http::Field& field : call_.request.query) {
    if (field.name != name) continue;
    if (found != nullptr) {
      errors_.push_back(repeated_field(name));
      return nullptr;
    }
    found = &field.value;
  }
  return found;
}

std::vector<FieldError> ParameterReader::take_errors() {
  for (const http::Field& field : call_.request.query) {
    if (std::ranges::find(known_, field.name) != known_.end()) continue;
    known_.push_back(field.name);
    errors_.push_back(unknown_field(field.name));
  }
  return std::move(errors_);
}

std::optional<Problem> ParameterReader::problem() {
  auto errors = take_errors();
  if (errors.empty()) return std::nullopt;
  return validation_problem(std::move(errors));
}

InsuredId read_insured(ParameterReader& reader, std::size_t index) {
  return reader.path(index, "insuredId", InsuredId::parse, kNotInsuredId);
}

AppointmentId read_appointment(ParameterReader& reader, std::size_t index) {
  return reader.path(index, "appointmentId", parse_appointment_id, kNotUuid);
}

std::size_t read_limit(ParameterReader& reader) {
  return reader.query("limit", parse_limit, kNotLimit).value_or(projections::kDefaultPageLimit);
}

std::optional<projections::Order> read_order(ParameterReader& reader) {
  return reader.query("order", parse_order, kNotOrder);
}

std::optional<Position> read_position(ParameterReader& reader, std::string_view name) {
  return reader.query(name, parse_position, kNotPosition);
}

std::optional<Timestamp> read_time(ParameterReader& reader, std::string_view name) {
  return reader.query(name, parse_time, kNotTime);
}

std::optional<Problem> refuse_parameters(const Call& call) {
  return ParameterReader(call).problem();
}

std::optional<std::string> read_idempotency_key(const http::Headers& headers,
                                                std::vector<FieldError>& errors) {
  constexpr std::string_view kName = "Idempotency-Key";
  const std::string* sent = headers.find(kName);
  if (sent == nullptr) return std::nullopt;
  auto key = headers.count(kName) == 1 ? parse_key(*sent) : std::nullopt;
  if (!key) errors.push_back(field_error(kName, kNotKey));
  return key;
}

std::optional<Position> read_if_match(const http::Headers& headers, Epoch epoch,
                                      std::vector<FieldError>& errors) {
  constexpr std::string_view kName = "If-Match";
  constexpr Position kNever{0};
  const std::string sent = headers.joined(kName);
  if (headers.find(kName) == nullptr || sent == "*") return std::nullopt;
  // Weak tags never match here (section 13.1.1).
  if (is_entity_tag(sent)) return last_change_in(sent, epoch).value_or(kNever);
  errors.push_back(field_error(kName, kNotEntityTag));
  return std::nullopt;
}

}  // namespace citas::api

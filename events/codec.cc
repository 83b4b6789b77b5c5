#include "events/codec.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "events/base/check.h"
#include "events/event_types.h"

namespace citas {
namespace {

namespace ondemand = simdjson::ondemand;

// --- Encoding ---

// Plain printable ASCII goes out as it is; all else is left to the library.
bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// Bytes that are no UTF-8 are replaced, so that what is stored can always be read again.
std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Appends the members of a JSON object. Names are ours and need no escape.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_.push_back('{'); }

  void text(std::string_view name, std::string_view value) {
    key(name);
    if (std::ranges::all_of(value, is_plain)) {
      out_.append(1, '"').append(value).push_back('"');
    } else {
      out_.append(quoted(value));
    }
  }
  void integer(std::string_view name, std::int64_t value) {
    key(name);
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    out_.append(digits, end);
  }
  void uuid(std::string_view name, const Uuid& value) {
    char buffer[kUuidTextSize];
    value.write(buffer);
    text(name, {buffer, sizeof buffer});
  }
  void time(std::string_view name, Timestamp value) {
    char buffer[kRfc3339Size];
    write_rfc3339(value, buffer);
    text(name, {buffer, sizeof buffer});
  }
  // A member that is an object itself: write it, then end() it.
  ObjectWriter object(std::string_view name) {
    key(name);
    return ObjectWriter(out_);
  }
  void end() { out_.push_back('}'); }

 private:
  void key(std::string_view name) {
    if (!first_) out_.push_back(',');
    first_ = false;
    out_.append(1, '"').append(name).append("\":");
  }

  std::string& out_;
  bool first_ = true;
};

void put_ref(ObjectWriter& data, const AppointmentRef& ref) {
  data.text("insuredId", ref.insured.text());
  data.integer("scheduleId", ref.slot.schedule.value());
  data.text("countryISO", ref.slot.country.text());
}

void put_details(ObjectWriter& data, const VisitDetails& details) {
  if (details.center) data.integer("centerId", *details.center);
  if (details.specialty) data.integer("specialtyId", *details.specialty);
  if (details.medic) data.integer("medicId", *details.medic);
  if (details.date) data.time("date", *details.date);
}

void put(ObjectWriter& data, const AppointmentRequested& event) {
  put_ref(data, event.ref);
  put_details(data, event.details);
}

void put(ObjectWriter& data, const AppointmentConfirmed& event) {
  put_ref(data, event.ref);
  data.uuid("registrationId", event.registration.value());
}

void put(ObjectWriter& data, const AppointmentRejected& event) {
  put_ref(data, event.ref);
  data.text("reason", event.reason.text());
}

void put(ObjectWriter& data, const AppointmentCancelled& event) {
  put_ref(data, event.ref);
  if (event.reason) data.text("reason", event.reason->text());
}

void put(ObjectWriter& data, const DeadLetterRecorded& event) {
  if (event.id) data.uuid("deadLetterId", event.id->value());
  data.text("messageId", event.message_id);
  data.text("consumer", event.consumer);
  data.text("countryISO", event.country.text());
  data.text("reason", event.reason.text());
  data.integer("attempts", event.attempts);
  data.text("payloadSha256", event.payload_sha256);
}

void put(ObjectWriter& data, const DeadLetterRetried& event) {
  data.uuid("deadLetterId", event.id.value());
  data.text("countryISO", event.country.text());
}

void put(ObjectWriter& data, const DeadLetterDiscarded& event) {
  data.uuid("deadLetterId", event.id.value());
  data.text("countryISO", event.country.text());
  data.text("reason", event.reason.text());
}

// --- Decoding ---

// The members of any event's data; each type takes those that it needs.
struct DataFields {
  std::optional<InsuredId> insured;
  std::optional<ScheduleId> schedule;
  std::optional<CountryCode> country;
  VisitDetails details;
  std::optional<RegistrationId> registration;
  std::optional<ReasonCode> reason;
  std::optional<std::string> message_id, consumer, payload_sha256;
  std::optional<std::uint32_t> attempts;
  std::optional<DeadLetterId> dead_letter;
};

struct Envelope {
  std::string_view type;
  std::optional<Uuid> subject;
  Event event;
  // Filled in passing where the type, read before, is a current one; else `raw_data` is the object.
  std::optional<DataFields> data;
  std::string_view raw_data;
};

// Thrown inside this file only: decoding has dozens of ways to fail and one answer to all of them.
struct Malformed {
  const char* what;
};

void require(bool condition, const char* what) {
  if (!condition) throw Malformed{what};
}

template <typename T>
T required(std::optional<T> value, const char* what) {
  require(value.has_value(), what);
  return *std::move(value);
}

std::string_view text_of(ondemand::value value) { return value.get_string().value(); }
std::int64_t integer_of(ondemand::value value) { return value.get_int64().value(); }
Uuid uuid_of(ondemand::value value) { return required(Uuid::parse(text_of(value)), "not a UUID"); }
Timestamp time_of(ondemand::value value) {
  return required(parse_rfc3339(text_of(value)), "not a time");
}

void take_data_field(DataFields& fields, std::string_view name, ondemand::value value) {
  if (name == "insuredId") {
    fields.insured = required(InsuredId::parse(text_of(value)), "insuredId");
  } else if (name == "scheduleId") {
    fields.schedule = ScheduleId{integer_of(value)};
  } else if (name == "countryISO") {
    fields.country = required(CountryCode::parse(text_of(value)), "countryISO");
  } else if (name == "centerId") {
    fields.details.center = integer_of(value);
  } else if (name == "specialtyId") {
    fields.details.specialty = integer_of(value);
  } else if (name == "medicId") {
    fields.details.medic = integer_of(value);
  } else if (name == "date") {
    fields.details.date = time_of(value);
  } else if (name == "registrationId") {
    fields.registration = RegistrationId{uuid_of(value)};
  } else if (name == "reason") {
    fields.reason = required(ReasonCode::parse(text_of(value)), "reason");
  } else if (name == "messageId") {
    fields.message_id = text_of(value);
  } else if (name == "consumer") {
    fields.consumer = text_of(value);
  } else if (name == "attempts") {
    fields.attempts = static_cast<std::uint32_t>(integer_of(value));
  } else if (name == "payloadSha256") {
    fields.payload_sha256 = text_of(value);
  } else if (name == "deadLetterId") {
    fields.dead_letter = DeadLetterId{uuid_of(value)};
  } else {
    throw Malformed{"unknown member in data"};
  }
}

void take_data(Envelope& envelope, ondemand::object data) {
  if (!is_event_type(envelope.type)) {
    envelope.raw_data = data.raw_json();
    return;
  }
  DataFields& fields = envelope.data.emplace();
  for (auto field : data) {
    const std::string_view name = field.unescaped_key();
    take_data_field(fields, name, field.value());
  }
}

void take_envelope_field(Envelope& envelope, std::string_view name, ondemand::value value) {
  Event& event = envelope.event;
  if (name == "type") {
    envelope.type = text_of(value);
  } else if (name == "data") {
    take_data(envelope, value.get_object());
  } else if (name == "id") {
    event.id = EventId{uuid_of(value)};
  } else if (name == "subject") {
    envelope.subject = uuid_of(value);
  } else if (name == "time") {
    event.time = time_of(value);
  } else if (name == "position") {
    event.position = required(parse_position(text_of(value)), "position");
  } else if (name == "tenant") {
    event.tenant = TenantId{std::string(text_of(value))};
  } else if (name == "actor") {
    event.actor = text_of(value);
  } else if (name == "commandid") {
    event.command = CommandId{uuid_of(value)};
  } else if (name == "correlationid") {
    event.correlation = uuid_of(value);
  } else if (name == "causationid") {
    event.causation = EventId{uuid_of(value)};
  } else if (name == "traceparent") {
    event.traceparent = text_of(value);
  } else if (name != "specversion" && name != "source") {
    throw Malformed{"unknown attribute"};
  }
}

AppointmentRef ref_of(const Envelope& envelope, const DataFields& fields) {
  return {AppointmentId{required(envelope.subject, "no subject")},
          required(fields.insured, "no insuredId"),
          {required(fields.country, "no countryISO"), required(fields.schedule, "no scheduleId")}};
}

std::optional<AppointmentId> subject_of(const Envelope& envelope) {
  return envelope.subject ? std::optional(AppointmentId{*envelope.subject}) : std::nullopt;
}

DeadLetterRecorded recorded_letter(const Envelope& envelope, DataFields& fields) {
  DeadLetterRecorded letter;
  letter.id = fields.dead_letter;
  letter.message_id = required(std::move(fields.message_id), "no messageId");
  letter.consumer = required(std::move(fields.consumer), "no consumer");
  letter.country = required(fields.country, "no countryISO");
  letter.reason = required(std::move(fields.reason), "no reason");
  letter.attempts = required(fields.attempts, "no attempts");
  letter.payload_sha256 = required(std::move(fields.payload_sha256), "no payloadSha256");
  letter.appointment = subject_of(envelope);
  return letter;
}

// One case for each entry of the type table.
EventData data_of(const Envelope& envelope, DataFields fields) {
  const std::string_view type = envelope.type;
  if (type == "citas.appointment.requested.v1") {
    return AppointmentRequested{ref_of(envelope, fields), fields.details};
  }
  if (type == "citas.appointment.confirmed.v1") {
    return AppointmentConfirmed{ref_of(envelope, fields),
                                required(fields.registration, "no registrationId")};
  }
  if (type == "citas.appointment.rejected.v1") {
    return AppointmentRejected{ref_of(envelope, fields),
                               required(std::move(fields.reason), "no reason")};
  }
  if (type == "citas.appointment.cancelled.v1") {
    return AppointmentCancelled{ref_of(envelope, fields), std::move(fields.reason)};
  }
  if (type == "citas.deadletter.recorded.v1") return recorded_letter(envelope, fields);
  if (type == "citas.deadletter.retried.v1") {
    return DeadLetterRetried{required(fields.dead_letter, "no deadLetterId"),
                             required(fields.country, "no countryISO"),
                             required(subject_of(envelope), "no subject")};
  }
  if (type == "citas.deadletter.discarded.v1") {
    return DeadLetterDiscarded{required(fields.dead_letter, "no deadLetterId"),
                               required(fields.country, "no countryISO"), subject_of(envelope),
                               required(std::move(fields.reason), "no reason")};
  }
  throw Malformed{"type without a decoder"};
}

// simdjson reads up to SIMDJSON_PADDING bytes beyond its input. One buffer and parser per thread.
class PaddedParser {
 public:
  ondemand::document parse(std::string_view bytes) {
    const std::size_t needed = bytes.size() + simdjson::SIMDJSON_PADDING;
    if (needed > capacity_) {
      buffer_ = std::make_unique<char[]>(2 * needed);
      capacity_ = 2 * needed;
    }
    std::memcpy(buffer_.get(), bytes.data(), bytes.size());
    return parser_.iterate(buffer_.get(), bytes.size(), capacity_).value();
  }

 private:
  ondemand::parser parser_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
};

template <typename TakeField>
void for_each_field(PaddedParser& parser, std::string_view json, TakeField take_field) {
  auto document = parser.parse(json);
  for (auto field : document.get_object()) {
    const std::string_view name = field.unescaped_key().value();
    take_field(name, field.value().value());
  }
  // At the end there is nothing to point at.
  require(document.current_location().error() == simdjson::OUT_OF_BOUNDS,
          "bytes after the document");
}

// The views in the result live until the thread decodes another envelope.
Envelope read_envelope(std::string_view bytes) {
  thread_local PaddedParser parser;
  Envelope envelope;
  for_each_field(parser, bytes, [&](std::string_view name, ondemand::value value) {
    take_envelope_field(envelope, name, value);
  });
  require(!envelope.type.empty(), "no type");
  require(envelope.data || !envelope.raw_data.empty(), "no data");
  return envelope;
}

DataFields read_data(std::string_view json) {
  thread_local PaddedParser parser;
  DataFields fields;
  for_each_field(parser, json, [&](std::string_view name, ondemand::value value) {
    take_data_field(fields, name, value);
  });
  return fields;
}

}  // namespace

Codec::Codec(std::vector<Upcaster> upcasters) : upcasters_(std::move(upcasters)) {}

std::string Codec::encode(const Event& event, const LogIdentity& log) {
  constexpr std::size_t kUsualSize = 512;
  std::string out;
  out.reserve(kUsualSize);
  ObjectWriter json(out);
  json.text("specversion", "1.0");
  json.uuid("id", event.id.value());
  json.text("source", log.source());
  json.text("type", type_of(event.data));
  if (const auto appointment = appointment_of(event.data)) {
    json.uuid("subject", appointment->value());
  }
  json.time("time", event.time);
  json.text("position", std::to_string(event.position.value()));
  json.text("tenant", event.tenant.value());
  json.text("actor", event.actor);
  json.uuid("commandid", event.command.value());
  if (event.correlation) json.uuid("correlationid", *event.correlation);
  if (event.causation) json.uuid("causationid", event.causation->value());
  if (!event.traceparent.empty()) json.text("traceparent", event.traceparent);
  ObjectWriter data = json.object("data");
  std::visit([&](const auto& payload) { put(data, payload); }, event.data);
  data.end();
  json.end();
  return out;
}

const Upcaster* Codec::find_upcaster(std::string_view type) const {
  const auto found = std::ranges::find(upcasters_, type, &Upcaster::from_type);
  return found == upcasters_.end() ? nullptr : &*found;
}

Result<std::optional<Event>> Codec::decode_known(std::string_view bytes) const {
  try {
    Envelope envelope = read_envelope(bytes);
    std::string upcast;
    while (const Upcaster* upcaster = find_upcaster(envelope.type)) {
      auto converted = upcaster->convert(envelope.raw_data);
      if (!converted) return failure(converted.error());
      upcast = *std::move(converted);
      envelope.raw_data = upcast;
      envelope.type = upcaster->to_type;
    }
    if (!is_event_type(envelope.type)) return std::nullopt;
    if (!envelope.data) envelope.data = read_data(envelope.raw_data);
    envelope.event.data = data_of(envelope, *std::move(envelope.data));
    return std::move(envelope.event);
  } catch (const Malformed& malformed) {
    return failure(ErrorCode::kCorruption, std::string("event is malformed: ") + malformed.what);
  } catch (const simdjson::simdjson_error& error) {
    return failure(ErrorCode::kCorruption, std::string("event is not valid JSON: ") + error.what());
  }
}

Result<Event> Codec::decode(std::string_view bytes) const {
  auto decoded = decode_known(bytes);
  if (!decoded) return failure(decoded.error());
  if (!*decoded) {
    return failure(ErrorCode::kCorruption,
                   "event is of a type that this version of citas does not know");
  }
  return **std::move(decoded);
}

}  // namespace citas

#include "workers/dead_letter.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "events/base/check.h"
#include "events/base/hex.h"
#include "events/base/sha256.h"
#include "workers/flat_json.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

constexpr std::string_view kType = "DeadLetter";
constexpr std::size_t kMaxIdSize = 128;

// Ids come from strangers and end up in logs and JSON.
bool is_printable(std::string_view id) {
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  return !id.empty() && id.size() <= kMaxIdSize && std::ranges::all_of(id, visible);
}

std::string id_of(const Message& message) {
  const auto header = find_header(message.headers, kMessageIdHeader);
  if (header && is_printable(*header)) return std::string(*header);
  const std::string subject = is_printable(message.subject) ? message.subject : "unknown";
  return subject + "#" + std::to_string(message.stream_sequence);
}

auto wrong(const char* field) {
  return failure(ErrorCode::kInvalidArgument,
                 std::string("a dead letter whose ") + field + " is missing or wrong");
}

Status read_identity(const FlatJson& json, DeadLetterRecorded& letter) {
  const auto id = json.string("messageId");
  if (!id || !is_printable(*id)) return wrong("messageId");
  letter.message_id = *id;
  const auto consumer = json.string("consumer");
  if (!consumer || !is_printable(*consumer)) return wrong("consumer");
  letter.consumer = *consumer;
  if (!json.has("appointmentId")) return {};
  const auto appointment = Uuid::parse(json.string("appointmentId").value_or(""));
  if (!appointment) return wrong("appointmentId");
  letter.appointment = AppointmentId{*appointment};
  return {};
}

Status read_retry(const FlatJson& json, DeadLetter& letter) {
  if (!json.has("retry")) return {};
  const auto retry = json.number("retry");
  if (!retry) return wrong("retry");
  letter.retry = Position{*retry};
  return {};
}

Status read_circumstances(const FlatJson& json, DeadLetterRecorded& letter) {
  const auto country = CountryCode::parse(json.string("countryISO").value_or(""));
  if (!country) return wrong("countryISO");
  letter.country = *country;
  const auto reason = ReasonCode::parse(json.string("reason").value_or(""));
  if (!reason) return wrong("reason");
  letter.reason = *reason;
  const auto attempts = json.number("attempts");
  if (!attempts || *attempts > std::numeric_limits<std::uint32_t>::max()) return wrong("attempts");
  letter.attempts = static_cast<std::uint32_t>(*attempts);
  Sha256 digest;
  const auto payload = json.string("payloadSha256");
  if (!payload || !from_hex(*payload, digest)) return wrong("payloadSha256");
  letter.payload_sha256 = to_hex(digest);
  return {};
}

}  // namespace

DeadLetter make_dead_letter(const Message& message, std::string_view consumer,
                            std::optional<CountryCode> country, std::string_view reason) {
  const auto code = ReasonCode::parse(reason);
  CHECK(code.has_value());
  DeadLetterRecorded letter;
  letter.message_id = id_of(message);
  letter.consumer = consumer;
  letter.country = country ? *country : *CountryCode::parse(kUnknownCountry);
  letter.reason = *code;
  letter.attempts = 1;
  letter.payload_sha256 = to_hex(sha256({message.payload}));
  return {std::move(letter)};
}

std::string message_id(const DeadLetter& dead) {
  std::string id = dead.letter.message_id + "/" + dead.letter.consumer;
  if (dead.retry && *dead.retry > Position{0}) id += "/r" + std::to_string(dead.retry->value());
  return id;
}

std::string encode(const DeadLetter& dead) {
  const DeadLetterRecorded& letter = dead.letter;
  nlohmann::ordered_json json{{"type", kType},
                              {"messageId", letter.message_id},
                              {"consumer", letter.consumer},
                              {"countryISO", letter.country.text()},
                              {"reason", letter.reason.text()},
                              {"attempts", letter.attempts}};
  if (letter.appointment) json["appointmentId"] = letter.appointment->value().to_string();
  if (dead.retry) json["retry"] = dead.retry->value();
  json["payloadSha256"] = letter.payload_sha256;
  return json.dump();
}

Result<DeadLetter> parse_dead_letter(std::string_view bytes) {
  auto json = FlatJson::parse(bytes, {"type", "messageId", "consumer", "countryISO", "reason",
                                      "attempts", "appointmentId", "retry", "payloadSha256"});
  if (!json) return failure(std::move(json.error()));
  if (json->string("type") != kType) return wrong("type");
  DeadLetter dead;
  auto read = read_identity(*json, dead.letter);
  if (read) read = read_circumstances(*json, dead.letter);
  if (read) read = read_retry(*json, dead);
  if (!read) return failure(std::move(read.error()));
  return dead;
}

void publish_dead_letter(Outbox& outbox, const DeadLetter& dead, std::string_view log_source,
                         OutboxItem item) {
  item.settlement = Settlement::kTerminate;
  Headers headers;
  if (!log_source.empty()) headers.push_back({kLogHeader, std::string(log_source)});
  const std::string subject = dead_letter_subject(dead.letter.country);
  const std::string id = message_id(dead);
  const std::string payload = encode(dead);
  outbox.publish(std::move(item), {.subject = subject,
                                   .message_id = id,
                                   .headers = headers,
                                   .payload = payload,
                                   .expected_last_sequence = {}});
}

}  // namespace citas::workers

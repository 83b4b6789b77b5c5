#include "workers/event_message.h"

#include <simdjson.h>

#include <utility>

#include "events/base/hex.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

namespace ondemand = simdjson::ondemand;

struct Envelope {
  std::string_view specversion, id, source, type, subject, time, traceparent;
  std::string_view country = "_";
};

// The fields that must be there come in the order of the codec, which makes each look-up a step.
bool read_envelope(ondemand::object object, Envelope& envelope) {
  const bool required = !object["specversion"].get_string().get(envelope.specversion) &&
                        !object["id"].get_string().get(envelope.id) &&
                        !object["source"].get_string().get(envelope.source) &&
                        !object["type"].get_string().get(envelope.type);
  if (!required) return false;
  if (object["subject"].get_string().get(envelope.subject)) envelope.subject = {};
  if (object["time"].get_string().get(envelope.time)) return false;
  if (object["traceparent"].get_string().get(envelope.traceparent)) envelope.traceparent = {};
  ondemand::object data;
  if (object["data"].get_object().get(data)) return false;
  if (data["countryISO"].get_string().get(envelope.country)) envelope.country = "_";
  return true;
}

Headers headers_of(const Envelope& envelope, Epoch epoch, Position position, const Sha256& hash) {
  Headers headers;
  headers.reserve(12);
  const auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) headers.push_back({name, std::string(value)});
  };
  add("Content-Type", "application/cloudevents+json");
  add("ce-specversion", envelope.specversion);
  add("ce-id", envelope.id);
  add(kSourceHeader, envelope.source);
  add("ce-type", envelope.type);
  add("ce-subject", envelope.subject);
  add("ce-time", envelope.time);
  add(kTraceparentHeader, envelope.traceparent);
  add(kPositionHeader, std::to_string(position.value()));
  add(kHashHeader, to_hex(hash));
  add(kEpochHeader, std::to_string(epoch.value()));
  return headers;
}

// Messages of earlier versions carry no epoch: there was only the first one then.
constexpr std::string_view kFirstEpoch = "1";

std::string origin(std::string_view source, std::string_view epoch) {
  std::string text(source);
  if (epoch != kFirstEpoch) text.append("#").append(epoch);
  return text;
}

auto unreadable(Position position) {
  return failure(ErrorCode::kCorruption, "the event at position " +
                                             std::to_string(position.value()) +
                                             " cannot be read: run citas verify");
}

}  // namespace

struct EventMessageReader::Parser {
  // The envelope refers to what is kept here.
  bool parse(std::string_view bytes, Envelope& envelope) {
    padded.assign(bytes);
    padded.resize(bytes.size() + simdjson::SIMDJSON_PADDING);
    ondemand::object object;
    return !parser.iterate(padded.data(), bytes.size(), padded.size()).get(document) &&
           !document.get_object().get(object) && read_envelope(object, envelope);
  }

  simdjson::ondemand::parser parser;
  ondemand::document document;
  std::string padded;
};

EventMessageReader::EventMessageReader() : parser_(std::make_unique<Parser>()) {}
EventMessageReader::~EventMessageReader() = default;

std::optional<std::string> origin_of(const Headers& headers) {
  const auto source = find_header(headers, kSourceHeader);
  if (!source) return std::nullopt;
  return origin(*source, find_header(headers, kEpochHeader).value_or(kFirstEpoch));
}

std::string origin_of(const EventLog& log) {
  return origin(log.identity().source(), std::to_string(log.epoch().value()));
}

Result<EventMessage> EventMessageReader::read(Epoch epoch, Position position, const Sha256& hash,
                                              std::string_view bytes) {
  Envelope envelope;
  if (!parser_->parse(bytes, envelope)) return unreadable(position);
  return EventMessage{.id = std::string(envelope.id),
                      .subject = event_subject(envelope.country, envelope.type),
                      .country = std::string(envelope.country),
                      .headers = headers_of(envelope, epoch, position, hash)};
}

Result<std::string> EventMessageReader::country(Position position, std::string_view bytes) {
  Envelope envelope;
  if (!parser_->parse(bytes, envelope)) return unreadable(position);
  return std::string(envelope.country);
}

}  // namespace citas::workers

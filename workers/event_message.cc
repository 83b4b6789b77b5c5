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

Headers headers_of(const Envelope& envelope, Position position, const Sha256& hash) {
  Headers headers;
  headers.reserve(10);
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
  return headers;
}

}  // namespace

struct EventMessageReader::Parser {
  simdjson::ondemand::parser parser;
  std::string padded;
};

EventMessageReader::EventMessageReader() : parser_(std::make_unique<Parser>()) {}
EventMessageReader::~EventMessageReader() = default;

Result<EventMessage> EventMessageReader::read(Position position, const Sha256& hash,
                                              std::string_view bytes) {
  auto& [parser, padded] = *parser_;
  padded.assign(bytes);
  padded.resize(bytes.size() + simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  ondemand::object object;
  Envelope envelope;
  const bool parsed = !parser.iterate(padded.data(), bytes.size(), padded.size()).get(document) &&
                      !document.get_object().get(object) && read_envelope(object, envelope);
  if (!parsed) {
    return failure(ErrorCode::kCorruption, "the event at position " +
                                               std::to_string(position.value()) +
                                               " cannot be read: run citas verify");
  }
  return EventMessage{.id = std::string(envelope.id),
                      .subject = event_subject(envelope.country, envelope.type),
                      .country = std::string(envelope.country),
                      .headers = headers_of(envelope, position, hash)};
}

}  // namespace citas::workers

// EventMessage: a stored event as a message on the bus.
//
// The payload is the event's bytes, unchanged (a CloudEvent in structured mode); the headers repeat
// its envelope, so that a subscriber can route without parsing. Only the envelope is read here, so
// every type and version of event passes. Source: CloudEvents 1.0.2, NATS protocol binding.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.h"
#include "events/event_log.h"
#include "workers/bus.h"

namespace citas::workers {

struct EventMessage {
  std::string id;       // the event's
  std::string subject;  // where the relay publishes it
  std::string country;  // "_" where the event concerns none
  Headers headers;      // ce-*, traceparent, Citas-Position, Citas-Hash, Citas-Epoch
};

// Which future of which log a message is from: its source, followed, from the first restore on, by
// the log's epoch. nullopt: it does not say.
std::optional<std::string> origin_of(const Headers& headers);
// The same for what a log publishes.
std::string origin_of(const EventLog& log);

// Reads envelopes, one after the other. One thread.
class EventMessageReader {
 public:
  EventMessageReader();
  ~EventMessageReader();
  // As published by a log of that epoch. Corruption: the bytes are no event of ours.
  Result<EventMessage> read(Epoch epoch, Position position, const Sha256& hash,
                            std::string_view bytes);
  // Which country the event concerns, as EventMessage::country. Corruption as read().
  Result<std::string> country(Position position, std::string_view bytes);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace citas::workers

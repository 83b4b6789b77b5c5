// The model that judges a simulated run: what must be true of a world that has come to rest, said
// again in a few lines that share nothing with the code that they judge.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "events/codec.h"
#include "events/event_log.h"
#include "events/memory/memory_event_log.h"
#include "projections/engine.h"
#include "tests/simulation/clients.h"
#include "workers/memory/memory_broker.h"
#include "workers/memory/memory_country_store.h"

namespace citas::simulation {

// What the log says of an appointment.
struct Story {
  AppointmentRequested request;
  std::string confirmed, rejected, cancelled;  // what was registered, why, by which event's id
  bool gave_up = false;                        // a dead letter of the request is on record
  bool gave_up_end = false;                    // of its end
};

// The log, read once.
struct History {
  std::map<AppointmentId, Story> stories;
  std::map<std::uint64_t, EventId> events;  // by position
  std::string violation;  // two live appointments in a slot, or a fact that cannot be
};
History read_history(const EventLog& log, const Codec& codec);

// What is judged. Borrowed.
struct Evidence {
  const MemoryEventLog& log;
  const Codec& codec;
  const Clock& clock;
  const workers::MemoryBroker& broker;
  const std::map<CountryCode, const workers::MemoryCountryStore*>& stores;
  const projections::ProjectionEngine& engine;
  const Clients& clients;
  std::uint64_t published;  // as the relay says
  // How often a process died for no fault of its messages': each may be charged to one.
  std::uint64_t crashes;
};

// The first thing that is not as it must be; empty when all is. The cheap checks come first.
std::string find_violation(const Evidence& evidence, const History& history);

}  // namespace citas::simulation

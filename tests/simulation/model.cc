#include "tests/simulation/model.h"

#include <set>

#include "events/base/check.h"
#include "projections/all_projections.h"
#include "projections/memory/memory_read_store.h"
#include "projections/replay.h"
#include "tests/simulation/processes.h"
#include "tests/simulation/visits.h"
#include "workers/topology.h"

namespace citas::simulation {
namespace {

std::string text(AppointmentId id) { return id.value().to_string(); }

// The events, one after the other. A slot is live from its request to its end.
class Reader {
 public:
  void read(const Event& event) {
    if (event.position.value() != history.events.size() + 1) fail("a gap", event);
    history.events[event.position.value()] = event.id;
    ids_[event.id.value().to_string()] = citas::appointment_of(event.data);
    std::visit([&](const auto& data) { note(event, data); }, event.data);
  }

  History history;

 private:
  void fail(const char* what, const Event& event) {
    if (!history.violation.empty()) return;  // what follows may only follow from that
    history.violation =
        std::string(what) + " at position " + std::to_string(event.position.value());
  }
  Story& story_of(AppointmentId appointment, const Event& event) {
    if (!history.stories.contains(appointment)) fail("an event about nothing", event);
    return history.stories[appointment];
  }
  void note(const Event& event, const AppointmentRequested& data) {
    if (!live_.insert({data.ref.slot.country, data.ref.slot.schedule.value()}).second) {
      fail("two live appointments in one slot", event);
    }
    history.stories[data.ref.appointment].request = data;
    requests_.insert(event.id.value().to_string());
  }
  void note(const Event& event, const AppointmentConfirmed& data) {
    Story& story = story_of(data.ref.appointment, event);
    if (!(story.confirmed + story.rejected + story.cancelled).empty()) fail("a late answer", event);
    story.confirmed = data.registration.value().to_string();
  }
  void note(const Event& event, const AppointmentRejected& data) {
    Story& story = story_of(data.ref.appointment, event);
    if (!(story.confirmed + story.rejected + story.cancelled).empty()) fail("a late answer", event);
    story.rejected = data.reason.text();
    live_.erase({data.ref.slot.country, data.ref.slot.schedule.value()});
  }
  void note(const Event& event, const AppointmentCancelled& data) {
    Story& story = story_of(data.ref.appointment, event);
    if (!(story.rejected + story.cancelled).empty()) fail("a late cancellation", event);
    story.cancelled = event.id.value().to_string();
    live_.erase({data.ref.slot.country, data.ref.slot.schedule.value()});
  }
  void note(const Event& event, const DeadLetterRecorded& data) {
    if (!letters_.insert(data.message_id + " " + data.consumer).second)
      fail("a second letter", event);
    if (!data.consumer.starts_with("processor-")) return fail("a letter of no country", event);
    const std::string id = data.message_id.substr(0, data.message_id.find('/'));
    const auto known = ids_.find(id);
    if (known == ids_.end() || !known->second) return fail("a letter about nothing", event);
    Story& story = story_of(*known->second, event);
    (requests_.contains(id) ? story.gave_up : story.gave_up_end) = true;
  }

  // No operator decides in these worlds.
  void note(const Event& event, const DeadLetterRetried&) { fail("a retry by nobody", event); }
  void note(const Event& event, const DeadLetterDiscarded&) { fail("a discard by nobody", event); }

  std::set<std::pair<CountryCode, std::int64_t>> live_;
  std::set<std::string> requests_, letters_;
  std::map<std::string, std::optional<AppointmentId>> ids_;
};

std::string wrong_promise(const Clients& clients, const History& history) {
  if (!clients.complaint().empty()) return clients.complaint();
  for (const Promise& promise : clients.promises()) {
    const auto found = history.events.find(promise.position.value());
    if (found != history.events.end() && found->second == promise.event) continue;
    return "what was acknowledged to key " + promise.key + " is not in the log";
  }
  return {};
}

// Settled as its country's rules say, or given up: who is poisonous always, others only if their
// processes died often enough.
std::string wrong_story(AppointmentId id, const Story& story, std::uint64_t crashes) {
  const Visit visit = visit_of(story.request.ref.slot.schedule);
  const bool poisonous = visit == Visit::kPoisonous;
  if (!story.confirmed.empty() && (poisonous || visit == Visit::kRefused))
    return text(id) + " is confirmed";
  if (!story.rejected.empty() && visit != Visit::kRefused) return text(id) + " is rejected";
  if (story.confirmed.empty() && story.rejected.empty() && story.cancelled.empty() &&
      !story.gave_up) {
    return text(id) + " is pending";
  }
  const bool harmless_given_up = (story.gave_up && !poisonous) || story.gave_up_end;
  // One try each, but for the last, which may have failed by itself.
  if (harmless_given_up && crashes + 1 < kMaxTries) return text(id) + " was given up too early";
  return {};
}

std::string wrong_entry(AppointmentId id, const Story& story,
                        const workers::MemoryCountryStore& store) {
  const auto found = store.entries().find(id);
  const bool ended = !(story.rejected + story.cancelled).empty();
  if (found == store.entries().end()) {
    const bool may_lack = story.gave_up && (!ended || story.gave_up_end);
    return may_lack ? "" : text(id) + " is not in its country's store";
  }
  const workers::CountryEntry& entry = found->second;
  if (ended && !story.gave_up_end && entry.state != workers::EntryState::kWithdrawn) {
    return text(id) + " has ended, and is not withdrawn in its country's store";
  }
  if (ended || story.confirmed.empty()) return {};
  const bool registered = entry.state == workers::EntryState::kRegistered &&
                          entry.registration->value().to_string() == story.confirmed;
  return registered ? "" : text(id) + " is not registered as it was confirmed";
}

std::string wrong_store(const Evidence& evidence, const History& history) {
  std::size_t entries = 0;
  for (const auto& [country, store] : evidence.stores) entries += store->entries().size();
  for (const auto& [id, story] : history.stories) {
    const auto& store = *evidence.stores.at(story.request.ref.slot.country);
    entries -= store.entries().contains(id) ? 1 : 0;
    if (auto wrong = wrong_entry(id, story, store); !wrong.empty()) return wrong;
  }
  return entries == 0 ? "" : "a country's store holds what the log does not";
}

std::string wrong_stream(const Evidence& evidence) {
  const std::uint64_t head = evidence.log.head().position.value();
  const auto info = evidence.broker.stream_info(workers::kEventsStream);
  if (!info || info->messages != head || info->last_sequence != head) return "the stream's length";
  if (evidence.published != head) return "the relay's published position";
  std::string wrong;
  const Status read = evidence.log.read(Position{0}, SIZE_MAX, [&](const RecordView& record) {
    const auto stored = evidence.broker.message(workers::kEventsStream, record.position.value());
    if (!stored || stored->payload != record.bytes) {
      wrong = "the stream differs from the log at " + std::to_string(record.position.value());
    }
    return wrong.empty();
  });
  CHECK(read.has_value());
  return wrong;
}

std::string wrong_projection(const Evidence& evidence) {
  for (const auto& projection : projections::all_projections()) {
    const auto replayed = std::make_shared<projections::MemoryReadStore>();
    const auto events = projections::replay(evidence.log, evidence.codec, evidence.clock,
                                            *projection, replayed, evidence.log.committed());
    CHECK(events.has_value());
    const std::string name(projection->name());
    const auto live = evidence.engine.live(name).store();
    if (!live) return name + " does not serve";
    const auto differences = projections::compare(**replayed->view(), **(*live)->view());
    if (!differences || !differences->none()) return name + " differs from its replay";
    if ((*live)->checkpoint().value() != replayed->checkpoint().value()) {
      return "the checkpoint of " + name;
    }
  }
  return {};
}

}  // namespace

History read_history(const EventLog& log, const Codec& codec) {
  Reader reader;
  const Status read = log.read(Position{0}, SIZE_MAX, [&](const RecordView& record) {
    reader.read(codec.decode(record.bytes).value());
    return true;
  });
  CHECK(read.has_value());
  return std::move(reader.history);
}

std::string find_violation(const Evidence& evidence, const History& history) {
  if (!history.violation.empty()) return history.violation;
  if (auto wrong = wrong_promise(evidence.clients, history); !wrong.empty()) return wrong;
  for (const auto& [id, story] : history.stories) {
    if (auto wrong = wrong_story(id, story, evidence.crashes); !wrong.empty()) return wrong;
  }
  if (auto wrong = wrong_store(evidence, history); !wrong.empty()) return wrong;
  if (auto wrong = wrong_stream(evidence); !wrong.empty()) return wrong;
  return wrong_projection(evidence);
}

}  // namespace citas::simulation

#include "tests/unit/workers/log_world.h"

#include <algorithm>

#include "events/base/check.h"
#include "events/event_types.h"

namespace citas::workers {
namespace {

const InsuredId kInsured = *InsuredId::parse("00001");

std::vector<Event> read_all(const EventLog& log, const Codec& codec) {
  std::vector<Event> events;
  const Status read = log.read(Position{0}, SIZE_MAX, [&](const RecordView& record) {
    events.push_back(codec.decode(record.bytes).value());
    return true;
  });
  CHECK(read.has_value());
  return events;
}

}  // namespace

Result<std::vector<PendingRequest>> PendingByScan::requested_before(
    Timestamp time, const std::optional<PendingRequest>& after, std::size_t limit) const {
  std::map<AppointmentId, PendingRequest> pending;
  for (const Event& event : read_all(log_, codec_)) {
    const auto appointment = appointment_of(event.data);
    if (std::holds_alternative<AppointmentRequested>(event.data)) {
      pending[*appointment] = {country_of(event.data), event.position, event.time};
    } else if (appointment) {
      pending.erase(*appointment);
    }
  }
  std::vector<PendingRequest> due;
  for (const auto& [id, request] : pending) {
    const bool behind = !after || request.position > after->position;
    if (request.requested_at < time && behind) due.push_back(request);
  }
  std::ranges::sort(due, {}, &PendingRequest::position);
  if (due.size() > limit) due.resize(limit);
  return due;
}

LogWorld::LogWorld(std::uint64_t seed, Epoch epoch)
    : ids(clock, seed), log({.id = LogId{ids.next()}, .partition = "main"}, epoch) {}

commands::Outcome LogWorld::execute(commands::CommandData data) {
  std::optional<commands::Outcome> outcome;
  const auto submitted = sequencer.submit({.data = std::move(data), .actor = "test"},
                                          [&](commands::Outcome done) { outcome = done; });
  CHECK(submitted.has_value());
  while (!outcome) CHECK(sequencer.step().has_value());
  return *outcome;
}

AppointmentId LogWorld::request(CountryCode country, VisitDetails details) {
  const auto outcome = execute(commands::RequestAppointment{
      kInsured, {country, ScheduleId{next_schedule_++}}, std::move(details)});
  CHECK(outcome.has_value() && outcome->event.has_value());
  return *appointment_of(outcome->event->data);
}

void LogWorld::cancel(AppointmentId appointment) {
  CHECK(execute(commands::CancelAppointment{appointment, kInsured, {}}).has_value());
}

void LogWorld::step_sequencer() {
  while (sequencer.stats().queue_depth > 0) CHECK(sequencer.step().has_value());
}

std::vector<Event> LogWorld::events() const { return read_all(log, codec); }

std::vector<std::string> LogWorld::history(AppointmentId appointment) const {
  std::vector<std::string> types;
  for (const Event& event : events()) {
    if (appointment_of(event.data) == appointment) {
      types.emplace_back(type_of(event.data).bus_subject);
    }
  }
  return types;
}

std::size_t LogWorld::count(std::string_view type) const {
  const auto all = events();
  return static_cast<std::size_t>(std::ranges::count_if(
      all, [&](const Event& event) { return type_of(event.data).bus_subject == type; }));
}

}  // namespace citas::workers

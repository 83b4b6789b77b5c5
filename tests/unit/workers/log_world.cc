#include "tests/unit/workers/log_world.h"

#include <algorithm>

#include "events/base/check.h"
#include "events/event_types.h"

namespace citas::workers {
namespace {

const InsuredId kInsured = *InsuredId::parse("00001");

// "appointment.requested": the type without what all of them share.
std::string kind_of(const Event& event) {
  constexpr std::string_view kPrefix = "citas.";
  constexpr std::string_view kVersion = ".v1";
  const std::string_view type = type_of(event.data);
  return std::string(type.substr(kPrefix.size(), type.size() - kPrefix.size() - kVersion.size()));
}

}  // namespace

const std::vector<Event>& DecodedLog::events() const {
  const Status read = log_.read(Position{events_.size()}, SIZE_MAX, [&](const RecordView& record) {
    events_.push_back(codec_.decode(record.bytes).value());
    return true;
  });
  CHECK(read.has_value());
  return events_;
}

std::vector<PendingRequest> PendingByScan::all() const {
  std::map<AppointmentId, PendingRequest> pending, parked;
  for (const Event& event : log_.events()) {
    const auto appointment = appointment_of(event.data);
    if (!appointment) continue;
    if (std::holds_alternative<AppointmentRequested>(event.data)) {
      pending[*appointment] = {country_of(event.data), event.position, event.time};
    } else if (std::holds_alternative<DeadLetterRecorded>(event.data)) {
      parked.insert(pending.extract(*appointment));
    } else if (std::holds_alternative<DeadLetterRetried>(event.data)) {
      pending.insert(parked.extract(*appointment));
      pending.at(*appointment).retry = event.position;
      pending.at(*appointment).retried_at = event.time;
    } else if (ref_of(event.data) != nullptr) {
      pending.erase(*appointment);
      parked.erase(*appointment);
    }
  }
  std::vector<PendingRequest> requests;
  for (const auto& [id, request] : pending) requests.push_back(request);
  return requests;
}

Result<std::vector<PendingRequest>> PendingByScan::requested_before(
    Timestamp time, const std::optional<PendingRequest>& after, std::size_t limit) const {
  std::vector<PendingRequest> due;
  for (const PendingRequest& request : all()) {
    const bool behind = !after || request.position > after->position;
    const bool never_retried = request.retry == Position{0};
    if (request.requested_at < time && behind && never_retried) due.push_back(request);
  }
  std::ranges::sort(due, {}, &PendingRequest::position);
  if (due.size() > limit) due.resize(limit);
  return due;
}

Result<std::vector<PendingRequest>> PendingByScan::retried(
    const std::optional<PendingRequest>& after, std::size_t limit) const {
  std::vector<PendingRequest> due;
  for (const PendingRequest& request : all()) {
    if (request.retry > (after ? after->retry : Position{0})) due.push_back(request);
  }
  std::ranges::sort(due, {}, &PendingRequest::retry);
  if (due.size() > limit) due.resize(limit);
  return due;
}

LogWorld::LogWorld(std::uint64_t seed, Epoch epoch)
    : ids(clock, seed), log({.id = LogId{ids.next()}, .partition = "main"}, epoch) {}

commands::Outcome LogWorld::execute(commands::CommandData data) {
  std::optional<commands::Outcome> outcome;
  const auto submitted = sequencer.submit({.data = std::move(data), .actor = "test"},
                                          [&](const commands::Outcome& done) { outcome = done; });
  CHECK(submitted.has_value());
  while (!outcome) CHECK(sequencer.step().has_value());
  return *outcome;
}

AppointmentId LogWorld::request(CountryCode country, VisitDetails details) {
  const auto outcome = execute(
      commands::RequestAppointment{kInsured, {country, ScheduleId{next_schedule_++}}, details});
  CHECK(outcome.has_value() && outcome->event.has_value());
  return *appointment_of(outcome->event->data);
}

void LogWorld::cancel(AppointmentId appointment) {
  CHECK(execute(commands::CancelAppointment{appointment, kInsured, {}}).has_value());
}

DeadLetterId LogWorld::last_letter() const {
  std::optional<DeadLetterId> last;
  for (const Event& event : events()) {
    const auto* letter = std::get_if<DeadLetterRecorded>(&event.data);
    if (letter != nullptr) last = letter->id;
  }
  return last.value();
}

commands::Outcome LogWorld::retry() { return execute(commands::RetryDeadLetter{last_letter()}); }
commands::Outcome LogWorld::discard() {
  return execute(commands::DiscardDeadLetter{last_letter(), *ReasonCode::parse("unprocessable")});
}

void LogWorld::step_sequencer() {
  while (sequencer.stats().queue_depth > 0) CHECK(sequencer.step().has_value());
}

std::vector<std::string> LogWorld::history(AppointmentId appointment) const {
  std::vector<std::string> types;
  for (const Event& event : events()) {
    if (appointment_of(event.data) == appointment) {
      types.push_back(kind_of(event));
    }
  }
  return types;
}

std::size_t LogWorld::count(std::string_view type) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(events(), [&](const Event& event) { return kind_of(event) == type; }));
}

}  // namespace citas::workers

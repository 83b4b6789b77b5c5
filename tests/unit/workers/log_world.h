// LogWorld: a log in memory with its sequencer, on one thread, for tests of what lies behind it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "commands/sequencer.h"
#include "events/base/clock.h"
#include "events/codec.h"
#include "events/memory/memory_event_log.h"
#include "workers/pending_appointments.h"

namespace citas::workers {

inline const CountryCode kPeru = *CountryCode::parse("PE");
inline const CountryCode kChile = *CountryCode::parse("CL");
inline const CountryCode kEcuador = *CountryCode::parse("EC");

// The events of a log, each of them decoded once: tests ask for all of them at every step.
class DecodedLog {
 public:
  DecodedLog(const EventLog& log, const Codec& codec) : log_(log), codec_(codec) {}
  // All that are committed; valid until there are more.
  const std::vector<Event>& events() const;

 private:
  const EventLog& log_;
  const Codec& codec_;
  mutable std::vector<Event> events_;
};

// Requests without an answer, by going through the whole log.
class PendingByScan final : public PendingAppointments {
 public:
  explicit PendingByScan(const DecodedLog& log) : log_(log) {}
  Result<std::vector<PendingRequest>> requested_before(Timestamp time,
                                                       const std::optional<PendingRequest>& after,
                                                       std::size_t limit) const override;
  Result<std::vector<PendingRequest>> retried(const std::optional<PendingRequest>& after,
                                              std::size_t limit) const override;

 private:
  std::vector<PendingRequest> all() const;

  const DecodedLog& log_;
};

class LogWorld {
 public:
  // Worlds of the same seed make the same ids: with another epoch, another future of one log.
  explicit LogWorld(std::uint64_t seed = 1, Epoch epoch = Epoch{1});

  // Submits one command and steps the sequencer until it is answered.
  commands::Outcome execute(commands::CommandData data);
  // A new appointment on a slot of its own.
  AppointmentId request(CountryCode country, VisitDetails details = {});
  void cancel(AppointmentId appointment);
  // An operator's decisions on the letter that was recorded last.
  commands::Outcome retry();
  commands::Outcome discard();
  // Steps the sequencer until its queue is empty.
  void step_sequencer();

  // Valid until there are more.
  const std::vector<Event>& events() const { return decoded.events(); }
  // The types of the appointment's events, in order, e.g. "appointment.requested".
  std::vector<std::string> history(AppointmentId appointment) const;
  std::size_t count(std::string_view type) const;

  ManualClock clock{Timestamp{std::chrono::hours{24} * 365 * 50}};
  SeededIdSource ids;
  Codec codec;
  MemoryEventLog log;
  commands::Sequencer sequencer{
      log, codec, clock, ids, {.countries = {kPeru, kChile, kEcuador}, .max_queue = 16'384}};
  const DecodedLog decoded{log, codec};
  const PendingByScan pending{decoded};

 private:
  DeadLetterId last_letter() const;

  std::int64_t next_schedule_ = 1;
};

}  // namespace citas::workers

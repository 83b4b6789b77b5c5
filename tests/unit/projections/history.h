// Logs full of plausible appointments, for tests of read models. Header-only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "events/codec.h"
#include "events/event_log.h"
#include "events/tags.h"
#include "tests/support/events.h"

namespace citas::testing {

// Appends events to a log, one commit each, as the sequencer would.
class History {
 public:
  explicit History(EventLog& log, std::uint64_t seed = 1) : log_(log), random_(seed) {}

  // `dress` may add to every event from now on, before it is stored.
  void dress_with(std::function<void(Event&)> dress) { dress_ = std::move(dress); }

  AppointmentRef request(std::string_view insured_id, Slot at, VisitDetails details = {}) {
    const AppointmentRef made{AppointmentId{next_id()}, insured(insured_id), at};
    append(AppointmentRequested{made, details});
    return made;
  }
  void confirm(const AppointmentRef& ref) {
    append(AppointmentConfirmed{ref, RegistrationId{uuid(42)}});
  }
  void reject(const AppointmentRef& ref, std::string_view why = "no_quota") {
    append(AppointmentRejected{ref, reason(why)});
  }
  void cancel(const AppointmentRef& ref, std::optional<ReasonCode> why = std::nullopt) {
    append(AppointmentCancelled{ref, std::move(why)});
  }
  // About a message that is named as its appointment is.
  DeadLetterId dead_letter(std::optional<AppointmentId> appointment) {
    Sha256 name{};
    if (appointment) std::ranges::copy(appointment->value().bytes, name.begin());
    const DeadLetterId id{make_uuid_v8(name)};
    append(DeadLetterRecorded{.id = id,
                              .message_id = id.value().to_string(),
                              .consumer = "processor-PE",
                              .country = country("PE"),
                              .reason = reason("poison"),
                              .attempts = 5,
                              .appointment = appointment,
                              .payload_sha256 = std::string(64, '0')});
    return id;
  }
  void retry(DeadLetterId letter, AppointmentId appointment) {
    append(DeadLetterRetried{letter, country("PE"), appointment});
  }
  void discard(DeadLetterId letter, std::optional<AppointmentId> appointment) {
    append(DeadLetterDiscarded{letter, country("PE"), appointment, reason("unprocessable")});
  }

  // Any of the above, of few insureds, such that each event is possible.
  void random_step() {
    if (live_.empty() || draw(3) == 0) {
      live_.push_back({request(random_insured(), random_slot(), random_details())});
      return;
    }
    const std::size_t chosen = draw(live_.size());
    auto& ref = live_[chosen].ref;
    auto& booked = live_[chosen].booked;
    switch (draw(booked ? 2 : 5)) {
      case 0:
        cancel(ref, draw(2) ? std::optional(reason("changed_plans")) : std::nullopt);
        break;
      case 1:
        return letter_step(live_[chosen]);
      case 2:
        reject(ref);
        break;
      default:
        confirm(ref);
        booked = true;
        return;
    }
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  void random_steps(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) random_step();
  }

  std::string random_insured() { return "0000" + std::to_string(draw(4)); }
  std::size_t draw(std::size_t below) { return random_() % below; }

  // The event that the next append would store; tests may spoil it first.
  Event next_event(EventData data) {
    Event event = event_at(log_.head().position.value() + 1, std::move(data));
    event.id = EventId{next_id()};
    // Time stands still now and then, and goes back, as real clocks do.
    event.time = kNow + std::chrono::milliseconds{static_cast<std::int64_t>(draw(1'000)) * 1'000};
    if (dress_) dress_(event);
    return event;
  }
  void append(EventData data) { append_event(next_event(std::move(data))); }
  void append_event(const Event& event) {
    AppendBatch batch;
    batch.records.push_back(record_of(event, log_.identity()));
    log_.commit(log_.append(batch).value().position);
  }

 private:
  struct Live {
    AppointmentRef ref;
    bool booked = false;
    std::optional<DeadLetterId> letter = std::nullopt;  // that is open, or discarded
    bool discarded = false;
  };

  // The next that can happen to the message that asks for an appointment.
  void letter_step(Live& live) {
    const AppointmentId appointment = live.ref.appointment;
    if (!live.letter) {
      live.letter = dead_letter(appointment);
    } else if (!live.booked) {
      retry(*std::exchange(live.letter, std::nullopt), appointment);
    } else if (!std::exchange(live.discarded, true)) {
      discard(*live.letter, appointment);
    } else {
      request(random_insured(), random_slot());
    }
  }

  Uuid next_id() {
    std::array<unsigned char, 10> bytes;
    for (auto& byte : bytes) byte = static_cast<unsigned char>(random_());
    return make_uuid_v7(1'790'000'000'000 + draw(100'000), bytes);
  }
  Slot random_slot() {
    return slot(draw(2) ? "PE" : "CL", 1 + static_cast<std::int64_t>(draw(999)));
  }
  VisitDetails random_details() {
    VisitDetails details;
    if (draw(2)) details.center = 1 + static_cast<std::int64_t>(draw(9));
    if (draw(2)) details.medic = kMaxJsonInteger;
    // Few different dates, so that several appointments share one.
    if (draw(2)) details.date = kNow + std::chrono::hours{static_cast<std::int64_t>(draw(5)) - 2};
    return details;
  }

  EventLog& log_;
  std::mt19937_64 random_;
  std::vector<Live> live_;
  std::function<void(Event&)> dress_;
};

}  // namespace citas::testing

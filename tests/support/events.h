// Events with plausible values, for tests of every folder. Header-only.
#pragma once

#include <string>

#include "events/codec.h"
#include "events/event.h"
#include "events/event_log.h"
#include "events/tags.h"

namespace citas::testing {

inline Uuid uuid(unsigned char number) {
  Uuid value;
  value.bytes[6] = 0x70;
  value.bytes[8] = 0x80;
  value.bytes[15] = number;
  return value;
}

inline Timestamp at_ms(std::int64_t ms) { return Timestamp{std::chrono::milliseconds{ms}}; }

inline const Timestamp kNow = at_ms(1'790'000'000'000);

inline CountryCode country(std::string_view text) { return CountryCode::parse(text).value(); }
inline InsuredId insured(std::string_view text) { return InsuredId::parse(text).value(); }
inline ReasonCode reason(std::string_view text) { return ReasonCode::parse(text).value(); }
inline Slot slot(std::string_view country_code, std::int64_t schedule) {
  return {country(country_code), ScheduleId{schedule}};
}

inline AppointmentRef ref(unsigned char appointment, std::string_view insured_id = "00001",
                          Slot at = slot("PE", 100)) {
  return {AppointmentId{uuid(appointment)}, insured(insured_id), at};
}

inline Event event_at(std::uint64_t position, EventData data) {
  Event event;
  event.id = EventId{uuid(static_cast<unsigned char>(100 + position))};
  event.position = Position{position};
  event.time = kNow + std::chrono::milliseconds{position};
  event.actor = "anonymous";
  event.command = CommandId{uuid(99)};
  event.data = std::move(data);
  return event;
}

inline const LogIdentity kTestLog{LogId{uuid(7)}};

inline NewRecord record_of(const Event& event, const LogIdentity& log = kTestLog) {
  return {Codec::encode(event, log), event.time, event.tenant, tags_of(event.data)};
}

}  // namespace citas::testing

// The identities that events speak of. Each parses from outside text, or not at all.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/strong.h"
#include "events/base/uuid.h"

namespace citas {

// Place of an event in its log: 1 is the first, 0 stands for "before the first". Gapless.
using Position = Strong<struct PositionTag, std::uint64_t>;
// Incremented by every restore and takeover of a log.
using Epoch = Strong<struct EpochTag, std::uint32_t>;

using LogId = Strong<struct LogIdTag, Uuid>;
using EventId = Strong<struct EventIdTag, Uuid>;
using CommandId = Strong<struct CommandIdTag, Uuid>;
using AppointmentId = Strong<struct AppointmentIdTag, Uuid>;
using DeadLetterId = Strong<struct DeadLetterIdTag, Uuid>;
// The entry of an appointment in its country's own store.
using RegistrationId = Strong<struct RegistrationIdTag, Uuid>;
// Whose data it is; "default" until there are several.
using TenantId = Strong<struct TenantIdTag, std::string>;

inline const TenantId kDefaultTenant{"default"};

// ISO 3166-1 alpha-2, upper case. Whether a country is served is configuration.
class CountryCode {
 public:
  static std::optional<CountryCode> parse(std::string_view text);
  std::string_view text() const { return {letters_.data(), letters_.size()}; }
  friend auto operator<=>(const CountryCode&, const CountryCode&) = default;

 private:
  std::array<char, 2> letters_{'X', 'X'};
};

// Exactly five ASCII digits; leading zeros count.
class InsuredId {
 public:
  static std::optional<InsuredId> parse(std::string_view text);
  std::string_view text() const { return {digits_.data(), digits_.size()}; }
  friend auto operator<=>(const InsuredId&, const InsuredId&) = default;

 private:
  std::array<char, 5> digits_{'0', '0', '0', '0', '0'};
};

// The largest integer that every JSON reader keeps exactly (RFC 8259, section 6).
inline constexpr std::int64_t kMaxJsonInteger = (std::int64_t{1} << 53) - 1;

// 1 … kMaxJsonInteger, numbered by each country for itself.
using ScheduleId = Strong<struct ScheduleIdTag, std::int64_t>;

// What can be booked: at most one live appointment each.
struct Slot {
  CountryCode country;
  ScheduleId schedule;
  friend auto operator<=>(const Slot&, const Slot&) = default;
};

// A machine-readable reason: [a-z][a-z0-9_]{0,63}. Never free text, which could hold a person's
// data.
class ReasonCode {
 public:
  static std::optional<ReasonCode> parse(std::string_view text);
  const std::string& text() const { return text_; }
  friend auto operator<=>(const ReasonCode&, const ReasonCode&) = default;

 private:
  std::string text_;
};

// Decimal digits without sign or leading zeros, up to 2^64-1.
std::optional<Position> parse_position(std::string_view text);

}  // namespace citas

// Timestamp: wall-clock time in UTC, to the millisecond.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace citas {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// "2026-01-31T23:59:59.999Z": 24 characters, for years 0000 to 9999.
std::string format_rfc3339(Timestamp time);

inline constexpr std::size_t kRfc3339Size = 24;
// Writes the same 24 characters to `out`, without a terminating zero.
void write_rfc3339(Timestamp time, char* out);

// RFC 3339 date-time with an offset ("Z" or "+hh:mm"), any number of fraction digits (cut to
// milliseconds). nullopt for anything else, impossible dates and leap seconds included.
std::optional<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace citas

#include "events/base/time.h"

namespace citas {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void write_digits(char*& out, long value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out += width;
}

// Takes exactly `width` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char expected, char alternative = '\0') {
  if (text.empty() || (text[0] != expected && (alternative == '\0' || text[0] != alternative))) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

std::optional<milliseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return milliseconds{0};
  int value = 0;
  std::size_t count = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (count < 3) value = value * 10 + (text[0] - '0');
    ++count;
    text.remove_prefix(1);
  }
  if (count == 0) return std::nullopt;
  for (; count < 3; ++count) value *= 10;
  return milliseconds{value};
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, 'Z', 'z')) return minutes{0};
  const bool negative = !text.empty() && text[0] == '-';
  if (!take(text, '+', '-')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const minutes offset{*hour * 60 + *minute};
  return negative ? -offset : offset;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

std::optional<seconds> take_time_of_day(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  return hours{*hour} + minutes{*minute} + seconds{*second};
}

}  // namespace

void write_rfc3339(Timestamp time, char* out) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  write_digits(out, static_cast<int>(date.year()), 4);
  *out++ = '-';
  write_digits(out, static_cast<long>(static_cast<unsigned>(date.month())), 2);
  *out++ = '-';
  write_digits(out, static_cast<long>(static_cast<unsigned>(date.day())), 2);
  *out++ = 'T';
  write_digits(out, clock.hours().count(), 2);
  *out++ = ':';
  write_digits(out, clock.minutes().count(), 2);
  *out++ = ':';
  write_digits(out, clock.seconds().count(), 2);
  *out++ = '.';
  write_digits(out, clock.subseconds().count(), 3);
  *out = 'Z';
}

std::string format_rfc3339(Timestamp time) {
  std::string text(kRfc3339Size, '0');
  write_rfc3339(time, text.data());
  return text;
}

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !take(text, 'T', 't')) return std::nullopt;
  const auto time_of_day = take_time_of_day(text);
  if (!time_of_day) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return Timestamp{*date} + *time_of_day + *fraction - *offset;
}

}  // namespace citas

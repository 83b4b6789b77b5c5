#include "ops/citas/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace citas::ops {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kNextLine{5};
constexpr std::size_t kBarWidth = 30;

// Of the terminal that progress is shown on; it may be made wider or narrower meanwhile. Nobody
// knows: as wide as it takes.
std::size_t columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : SIZE_MAX;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,/") == std::string_view::npos;
}

}  // namespace

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += is_number(row[i]) ? fmt::format("{:>{}}", row[i], widths[i])
                                : fmt::format("{:<{}}", row[i], widths[i]);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return out;
}

projections::Progress progress_since(Clock::Monotonic started, std::uint64_t done,
                                     std::uint64_t total) {
  const auto elapsed = SystemClock{}.monotonic() - started;
  return {done, total, std::chrono::duration_cast<std::chrono::milliseconds>(elapsed)};
}

ProgressBar::ProgressBar(std::string title, std::string unit, bool quiet)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

std::string ProgressBar::line(const projections::Progress& progress) const {
  const auto eta = progress.eta();
  return fmt::format(
      "{}: {:.0f} %, {} of {} {}, {} {}/s{}", title_, progress.percent(),
      with_commas(progress.done), with_commas(progress.total), unit_,
      with_commas(static_cast<std::uint64_t>(progress.events_per_second())), unit_,
      eta ? fmt::format(", {:.0f} s left", std::chrono::duration<double>(*eta).count()) : "");
}

void ProgressBar::update(const projections::Progress& progress) {
  const auto now = clock_.monotonic();
  const bool last = progress.done >= progress.total;
  if (quiet_ || progress.total == 0 || (now < next_ && !last)) return;
  next_ = now + (terminal_ ? kRedraw : std::chrono::milliseconds(kNextLine));
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", line(progress).c_str());
    return;
  }
  const auto filled =
      static_cast<std::size_t>(progress.percent() / 100 * static_cast<double>(kBarWidth));
  const std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  // A line that is broken in two cannot be redrawn; the words say more than the bar.
  const std::string words = line(progress);
  const std::size_t room = columns() - 1;
  const std::string whole = words.size() + kBarWidth + 3 <= room ? "[" + bar + "] " + words : words;
  std::fprintf(stderr, "\r\033[K%s", whole.substr(0, room).c_str());
  drawn_ = true;
}

void ProgressBar::finish() {
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = false;
}

}  // namespace citas::ops

// What people see: tables on stdout, progress on stderr.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/clock.h"
#include "projections/progress.h"

namespace citas::ops {

enum class Output { kTable, kJson };

// Columns as wide as their content; numbers (all digits, dots, commas) to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "12,345".
std::string with_commas(std::uint64_t number);

// Of what began at `started` and goes on.
projections::Progress progress_since(Clock::Monotonic started, std::uint64_t done,
                                     std::uint64_t total);

// A bar that redraws itself on a terminal, a line every few seconds elsewhere, nothing when quiet.
class ProgressBar {
 public:
  ProgressBar(std::string title, std::string unit, bool quiet);
  ~ProgressBar() { finish(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(const projections::Progress& progress);
  // Ends the line of a bar.
  void finish();

 private:
  std::string line(const projections::Progress& progress) const;

  const std::string title_;
  const std::string unit_;
  const bool quiet_;
  const bool terminal_;
  const SystemClock clock_;
  Clock::Monotonic next_{};
  bool drawn_ = false;
};

}  // namespace citas::ops

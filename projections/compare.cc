#include "projections/compare.h"

#include <string>
#include <utility>
#include <vector>

namespace citas::projections {
namespace {

// Reads a view a chunk at a time, so that two can be read side by side.
class EntryReader {
 public:
  explicit EntryReader(ReadView& view) : view_(view) {}

  // The entry at hand; nullptr at the end.
  Result<const std::pair<std::string, std::string>*> peek() {
    if (next_ == chunk_.size() && !at_end_) {
      if (auto filled = fill(); !filled) return failure(filled.error());
    }
    return next_ < chunk_.size() ? &chunk_[next_] : nullptr;
  }
  void advance() { ++next_; }

 private:
  Status fill() {
    const std::string from = chunk_.empty() ? std::string() : chunk_.back().first + '\0';
    chunk_.clear();
    next_ = 0;
    const auto visit = [&](std::string_view key, std::string_view value) {
      chunk_.emplace_back(key, value);
      return chunk_.size() < kChunk;
    };
    const Status scanned = view_.scan({from, {}}, Order::kAscending, visit);
    at_end_ = chunk_.size() < kChunk;
    return scanned;
  }

  static constexpr std::size_t kChunk = 1'024;
  ReadView& view_;
  std::vector<std::pair<std::string, std::string>> chunk_;
  std::size_t next_ = 0;
  bool at_end_ = false;
};

}  // namespace

Result<Differences> compare(ReadView& expected, ReadView& actual) {
  Differences differences;
  EntryReader left(expected);
  EntryReader right(actual);
  while (true) {
    const auto a = left.peek();
    if (!a) return failure(a.error());
    const auto b = right.peek();
    if (!b) return failure(b.error());
    if (!*a && !*b) return differences;
    const bool take_left = *a && (!*b || (*a)->first <= (*b)->first);
    const bool take_right = *b && (!*a || (*b)->first <= (*a)->first);
    if (take_left && take_right) {
      differences.changed += (*a)->second == (*b)->second ? 0 : 1;
    } else {
      ++(take_left ? differences.missing : differences.extra);
    }
    if (take_left) left.advance();
    if (take_right) right.advance();
  }
}

}  // namespace citas::projections

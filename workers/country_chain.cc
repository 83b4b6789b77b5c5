#include "workers/country_chain.h"

#include <algorithm>
#include <utility>

namespace citas::workers {
namespace {

constexpr std::uint64_t kPage = 4'096;

}  // namespace

void CountryChain::begin(Position position) {
  if (position == last_) return;
  last_of_.clear();
  begun_ = searched_ = last_ = position;
}

Result<std::optional<Position>> CountryChain::link(const std::string& country, Position position) {
  while (!last_of_.contains(country) && searched_ > Position{0} &&
         begun_.value() - searched_.value() < farthest_) {
    if (auto looked = look_further_back(); !looked) return failure(std::move(looked.error()));
  }
  last_ = position;
  const auto [entry, is_first] = last_of_.try_emplace(country, position);
  if (!is_first) return std::exchange(entry->second, position);
  return searched_ == Position{0} ? std::optional(Position{0}) : std::nullopt;
}

Status CountryChain::look_further_back() {
  const std::uint64_t count = std::min({kPage, farthest_, searched_.value()});
  const Position from{searched_.value() - count};
  std::map<std::string, Position> last_here;
  Status readable;
  const Status read = log_.read(from, count, [&](const RecordView& record) {
    auto country = reader_.country(record.position, record.bytes);
    if (!country) readable = failure(std::move(country.error()));
    if (country) last_here.insert_or_assign(*std::move(country), record.position);
    return readable.has_value();
  });
  if (!read) return read;
  if (!readable) return readable;
  last_of_.merge(last_here);
  searched_ = from;
  return {};
}

}  // namespace citas::workers

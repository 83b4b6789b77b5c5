// CountryChain: tells of each event where the event before it of the same country lies.
//
// A country's consumer is sent the country's events alone, so that the positions it sees have gaps
// of their own. With this, whoever reads one country can tell that the bus has left something out
// (kPreviousHeader, topology.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "events/base/result.h"
#include "events/event_log.h"
#include "workers/event_message.h"

namespace citas::workers {

// One thread. Borrows the log.
class CountryChain {
 public:
  // Some 50 ms to search. A country that had no event for so long has a link without an answer.
  static constexpr std::uint64_t kFarthest = 65'536;

  explicit CountryChain(const EventLog& log, std::uint64_t farthest = kFarthest)
      : log_(log), farthest_(farthest) {}

  // What is linked next is the event behind `position`.
  void begin(Position position);
  // The one before the event at `position`, of that country: 0 where there is none; nullopt where
  // it lies further back than is looked for. To be called for every event in turn. Corruption: the
  // log cannot be read.
  Result<std::optional<Position>> link(const std::string& country, Position position);

 private:
  Status look_further_back();

  const EventLog& log_;
  const std::uint64_t farthest_;
  EventMessageReader reader_;
  std::map<std::string, Position> last_of_;  // among those behind searched_
  Position begun_;                           // where the links began
  Position searched_;                        // down to here the log in front of them was read
  Position last_;
};

}  // namespace citas::workers

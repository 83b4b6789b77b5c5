// StreamAudit: reads through what the bus holds as a copy of the log, and compares it.
//
// A nats-server takes the files of its store at their word when it starts: what is damaged inside a
// file is found when it is read, and consumers are then sent the next message instead, or none any
// more. The end of a stream, which is all that the relay looks at, says nothing of that. So after
// each connect everything up to that end is read once, at a bounded pace, and each message must be
// the log's at its place.
//
// One thread, that of its bus.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/base/clock.h"
#include "events/event_log.h"
#include "workers/bus.h"

namespace citas::workers {

struct AuditOptions {
  // At most `batch` messages each `interval`: about a tenth of a processor, the bus included.
  std::size_t batch = 256;
  std::chrono::milliseconds interval{50};
  // A bus that sends nothing for so long, but answers, cannot read what comes next.
  std::chrono::milliseconds stalled_after{std::chrono::seconds{5}};
};

class StreamAudit {
 public:
  // Borrows log, bus and clock.
  static Result<std::unique_ptr<StreamAudit>> open(const EventLog& log, Bus& bus,
                                                   const Clock& clock, const AuditOptions& options);

  // From the first message on, up to `end`, which the stream has reached.
  void begin(Position end);
  void stop();
  bool is_under_way() const { return end_.has_value(); }

  // Goes on. Unless nullopt, it says how the stream differs from the log. Error: Corruption, the
  // log cannot be read.
  Result<std::optional<std::string>> step();

 private:
  StreamAudit(const EventLog& log, Bus& bus, const Clock& clock, const AuditOptions& options,
              std::unique_ptr<MessageSource> source);
  // Made anew, so that it begins at the first message. False: not now.
  bool make_consumer();
  void finish();
  Result<std::optional<std::string>> compare();
  // The first of the received messages that is not the log's at its place.
  Result<std::optional<std::string>> compare_received();
  std::optional<std::string> stalled();

  const EventLog& log_;
  Bus& bus_;
  const Clock& clock_;
  const AuditOptions options_;
  std::unique_ptr<MessageSource> source_;

  std::optional<Position> end_;  // while there is something to compare
  bool has_consumer_ = false;
  Position compared_;
  Clock::Monotonic next_;
  Clock::Monotonic last_news_;
  std::vector<Message> received_;
};

}  // namespace citas::workers

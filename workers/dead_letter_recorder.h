// DeadLetterRecorder: puts dead letters on record in the log, where operators see them.
//
// A letter is recorded once, whatever is delivered, and again when its message has died once more
// after a retry. A letter that cannot be read is recorded as a dead letter itself; one that another
// log's message led to is left to the server of that one.
//
// One thread; counters() from any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workers/consumer_keeper.h"
#include "workers/piece.h"
#include "workers/submissions.h"

namespace citas::workers {

class DeadLetterRecorder final : public Piece {
 public:
  // Borrows all. `wakeup` wakes the thread that steps this.
  static Result<std::unique_ptr<DeadLetterRecorder>> open(Bus& bus, commands::Sequencer& sequencer,
                                                          const Clock& clock, Wakeup& wakeup);

  std::string_view name() const override { return "dead-letters"; }
  Result<bool> step() override;
  void pause() override { source_->leave(); }
  const ConsumerCounters& counters() const { return counters_; }
  // Why nothing is received; empty when all is well. Any thread.
  std::string trouble() const { return keeper_.trouble(); }

 private:
  DeadLetterRecorder(Bus& bus, commands::Sequencer& sequencer, const Clock& clock, Wakeup& wakeup,
                     std::unique_ptr<MessageSource> source);
  bool receive();
  void handle(const Message& message);
  bool settle_answers();
  void put_back(const Message& message);

  ConsumerCounters counters_;
  const std::string log_source_;
  std::unique_ptr<MessageSource> source_;
  ConsumerKeeper keeper_;
  Submissions submissions_;
  std::vector<Message> received_;
  std::vector<Submissions::Answered> answered_;
};

}  // namespace citas::workers

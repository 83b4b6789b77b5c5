// ConfirmationConsumer: turns what the countries say into commands.
//
// Each confirmation becomes ConfirmAppointment or RejectAppointment, submitted without waiting for
// the one before, and its message is acknowledged when the command is answered. An appointment that
// is no longer pending takes no harm: nothing is appended. What cannot be a confirmation, speaks
// for another country than its subject, or is rejected by the log, becomes a dead letter. What
// answers another log is left to the server of that one: until the relay has seen that the streams
// are no longer ours, both receive from the same consumer.
//
// One thread; counters() from any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workers/consumer_keeper.h"
#include "workers/outbox.h"
#include "workers/piece.h"
#include "workers/submissions.h"

namespace citas::workers {

class ConfirmationConsumer final : public Piece {
 public:
  // Borrows all. `wakeup` wakes the thread that steps this.
  static Result<std::unique_ptr<ConfirmationConsumer>> open(Bus& bus,
                                                            commands::Sequencer& sequencer,
                                                            const Clock& clock, Wakeup& wakeup);

  std::string_view name() const override { return "confirmations"; }
  Result<bool> step() override;
  void pause() override;
  const ConsumerCounters& counters() const { return counters_; }
  // Why nothing is received; empty when all is well. Any thread.
  std::string trouble() const { return keeper_.trouble(); }

 private:
  ConfirmationConsumer(Bus& bus, commands::Sequencer& sequencer, const Clock& clock, Wakeup& wakeup,
                       std::unique_ptr<MessageSource> source, std::unique_ptr<Publisher> publisher);
  bool receive();
  void handle(Message message);
  bool settle_answers();
  void settle(Submissions::Answered answered);
  void give_up(Message message, std::string_view reason);
  void put_back(const Message& message);

  ConsumerCounters counters_;
  const commands::Sequencer& sequencer_;
  const std::string log_source_;
  std::unique_ptr<MessageSource> source_;
  ConsumerKeeper keeper_;
  Outbox outbox_;
  Submissions submissions_;
  std::vector<Message> received_;
  std::vector<Message> held_;  // the sequencer would not take them yet; at most one batch
  std::vector<Submissions::Answered> answered_;
};

}  // namespace citas::workers

// Submissions: hands commands that follow from messages to the sequencer, and brings the answers
// back.
//
// The sequencer answers on its own thread; here the answers wait in a queue, bounded by the number
// of commands in flight, until the owner polls.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "commands/sequencer.h"
#include "workers/bus.h"
#include "workers/wakeup.h"

namespace citas::workers {

// One thread. Borrows the sequencer and the wakeup, which is notified with each answer.
class Submissions {
 public:
  struct Answered {
    Message message;
    commands::Outcome outcome;
  };

  Submissions(commands::Sequencer& sequencer, Wakeup& wakeup, std::size_t max_in_flight)
      : sequencer_(sequencer),
        max_in_flight_(max_in_flight),
        answers_(std::make_shared<Answers>(wakeup)) {}
  ~Submissions();
  Submissions(const Submissions&) = delete;
  Submissions& operator=(const Submissions&) = delete;

  std::size_t free() const { return max_in_flight_ - in_flight_.size(); }
  // Needs free() > 0. Unavailable: the sequencer is full or stopped; the message is not taken.
  Status submit(const Message& message, commands::Command command);
  // Appends what has been answered since.
  void poll(std::vector<Answered>& out);

 private:
  // Shared with the commands in flight, which may outlive the owner.
  struct Answers {
    explicit Answers(Wakeup& signal) : wakeup(&signal) {}

    std::mutex mutex;
    std::vector<std::pair<std::uint64_t, commands::Outcome>> arrived;  // guarded by mutex
    Wakeup* wakeup;  // guarded by mutex; null once the owner is gone
  };

  commands::Sequencer& sequencer_;
  const std::size_t max_in_flight_;
  std::shared_ptr<Answers> answers_;
  std::uint64_t next_ticket_ = 0;
  std::unordered_map<std::uint64_t, Message> in_flight_;
};

}  // namespace citas::workers

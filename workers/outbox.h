// Outbox: settles a message on one stream once what follows from it is safely on another.
//
// Publishes, remembers which message it was for, and acknowledges (or terminates) that message
// when, and only when, the PubAck is there. If it does not come, the message is put back.
// Whoever keeps account of what is settled can be told.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "workers/bus.h"
#include "workers/counters.h"

namespace citas::workers {

enum class Settlement { kAcknowledge, kTerminate };

struct OutboxItem {
  MessageSource* source;  // where `message` came from; borrowed
  Message message;
  Settlement settlement = Settlement::kAcknowledge;
};

// One thread. Borrows the counters.
class Outbox {
 public:
  using OnSettled = std::function<void(const OutboxItem&)>;

  Outbox(
      std::unique_ptr<Publisher> publisher, ConsumerCounters& counters,
      OnSettled on_settled = [](const OutboxItem&) {})
      : publisher_(std::move(publisher)), counters_(counters), on_settled_(std::move(on_settled)) {}

  // How many more messages may be taken on.
  std::size_t free() const { return publisher_->free(); }
  void publish(OutboxItem item, const Publication& publication);
  // Settles the messages whose publications are completed. True when there were any.
  bool settle();
  // How many publications there have been, and whether the first so many are all completed.
  std::uint64_t published() const { return next_ticket_; }
  bool is_completed(std::uint64_t first) const {
    return waiting_.empty() || waiting_.begin()->first >= first;
  }
  // What was published for these messages no longer settles them: they come again.
  void forget() { waiting_.clear(); }

 private:
  void put_back(const OutboxItem& item);

  std::unique_ptr<Publisher> publisher_;
  ConsumerCounters& counters_;
  const OnSettled on_settled_;
  std::uint64_t next_ticket_ = 0;
  std::map<std::uint64_t, OutboxItem> waiting_;
  std::vector<Completion> completions_;
};

}  // namespace citas::workers

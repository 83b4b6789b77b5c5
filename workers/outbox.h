// Outbox: settles a message on one stream once what follows from it is safely on another.
//
// Publishes, remembers which message it was for, and acknowledges (or terminates) that message
// when, and only when, the PubAck is there. If it does not come, the message is put back.
#pragma once

#include <memory>
#include <unordered_map>
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
  Outbox(std::unique_ptr<Publisher> publisher, ConsumerCounters& counters)
      : publisher_(std::move(publisher)), counters_(counters) {}

  // How many more messages may be taken on.
  std::size_t free() const { return publisher_->free(); }
  void publish(OutboxItem item, const Publication& publication);
  // Settles the messages whose publications are completed. True when there were any.
  bool settle();

 private:
  void put_back(const OutboxItem& item);

  std::unique_ptr<Publisher> publisher_;
  ConsumerCounters& counters_;
  std::uint64_t next_ticket_ = 0;
  std::unordered_map<std::uint64_t, OutboxItem> waiting_;
  std::vector<Completion> completions_;
};

}  // namespace citas::workers

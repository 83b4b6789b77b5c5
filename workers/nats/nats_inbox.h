// NatsInbox: a subscription whose messages wait in a bounded queue until their owner takes them.
//
// This is where nats.c's threads end: its callback moves the message into the queue and announces
// it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "workers/nats/nats_handles.h"
#include "workers/wakeup.h"

namespace citas::workers {

// One owner thread. Borrows the connection and the wakeup. A message that finds the queue
// full is dropped and counted: JetStream delivers it again.
class NatsInbox {
 public:
  // Subscribes. `group` may be empty. The connection need not be established.
  static Result<std::unique_ptr<NatsInbox>> open(natsConnection* connection,
                                                 const std::string& subject,
                                                 const std::string& group, std::size_t capacity,
                                                 Wakeup& wakeup);
  ~NatsInbox();
  NatsInbox(const NatsInbox&) = delete;
  NatsInbox& operator=(const NatsInbox&) = delete;

  // Replaces the content of `out` by all that has come in, in order.
  void take(std::vector<NatsMsg>& out);

 private:
  // Shared with nats.c until it says that the last callback has returned.
  struct Queue {
    Queue(std::size_t limit, Wakeup& signal) : capacity(limit), wakeup(&signal) {}

    const std::size_t capacity;
    mutable std::mutex mutex;
    std::vector<NatsMsg> messages;  // guarded by mutex
    Wakeup* wakeup;                 // guarded by mutex; null once the owner is gone
  };

  explicit NatsInbox(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}
  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure);
  static void on_complete(void* closure);

  std::shared_ptr<Queue> queue_;
  NatsSubscription subscription_;
};

}  // namespace citas::workers

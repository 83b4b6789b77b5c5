#include "workers/nats/nats_inbox.h"

#include <utility>

namespace citas::workers {

Result<std::unique_ptr<NatsInbox>> NatsInbox::open(natsConnection* connection,
                                                   const std::string& subject,
                                                   const std::string& group, std::size_t capacity,
                                                   Wakeup& wakeup) {
  auto queue = std::make_shared<Queue>(capacity, wakeup);
  std::unique_ptr<NatsInbox> inbox(new NatsInbox(queue));
  auto closure = std::make_unique<std::shared_ptr<Queue>>(std::move(queue));
  natsSubscription* subscription = nullptr;
  natsStatus status =
      group.empty() ? natsConnection_Subscribe(&subscription, connection, subject.c_str(),
                                               &on_message, closure.get())
                    : natsConnection_QueueSubscribe(&subscription, connection, subject.c_str(),
                                                    group.c_str(), &on_message, closure.get());
  if (status != NATS_OK) return failure(nats_error("subscribing to " + subject, status));
  inbox->subscription_.reset(subscription);
  status = natsSubscription_SetOnCompleteCB(subscription, &on_complete, closure.get());
  // From here on nats.c holds the closure, and on_complete() gives it back.
  auto* held = closure.release();
  if (status != NATS_OK) return failure(nats_error("subscribing to " + subject, status));
  static_cast<void>(held);
  return inbox;
}

NatsInbox::~NatsInbox() {
  {
    std::scoped_lock lock(queue_->mutex);
    queue_->wakeup = nullptr;
    queue_->messages.clear();
  }
  // Messages still under way meet the closed queue; the closure lives until the last has.
  if (subscription_ != nullptr) natsSubscription_Unsubscribe(subscription_.get());
}

void NatsInbox::take(std::vector<NatsMsg>& out) {
  out.clear();
  std::scoped_lock lock(queue_->mutex);
  out.swap(queue_->messages);
}

void NatsInbox::on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  NatsMsg owned(message);
  Queue& queue = **static_cast<std::shared_ptr<Queue>*>(closure);
  std::scoped_lock lock(queue.mutex);
  if (queue.wakeup == nullptr) return;
  // What it cannot hold comes again: it was not acknowledged.
  if (queue.messages.size() >= queue.capacity) return;
  queue.messages.push_back(std::move(owned));
  queue.wakeup->notify();
}

void NatsInbox::on_complete(void* closure) { delete static_cast<std::shared_ptr<Queue>*>(closure); }

}  // namespace citas::workers

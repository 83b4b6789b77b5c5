// NatsSource: the receiving end of a JetStream push consumer with a deliver group.
//
// A plain queue subscription to the consumer's fixed deliver subject: it survives reconnects, and
// the consumer behind it can be deleted and made again without touching it. It begins when the
// owner first polls or discards, and again after leaving: whoever may not take part must not get
// what another source of the group would then wait for. Acknowledging is publishing to the
// message's reply subject. Sources: NATS ADR-15, "JetStream Subscribe Workflow"; nats.docs,
// "JetStream wire API", acknowledging messages.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "workers/bus.h"
#include "workers/nats/nats_inbox.h"
#include "workers/nats/nats_link.h"

namespace citas::workers {

// Where a consumer's messages are sent to.
std::string deliver_subject(std::string_view stream, std::string_view durable);

// The message of the highest sequence that a source has handed out, as its stream has it: the
// sequence and the time of storing together are no other message's. 0: none yet.
struct LastDelivery {
  std::uint64_t stream_sequence = 0;
  std::int64_t stored_at_ns = 0;
};

class NatsSource final : public MessageSource {
 public:
  // Borrows the link and the wakeup.
  NatsSource(NatsLink& link, const ConsumerSpec& spec, std::vector<std::string> header_names,
             std::shared_ptr<LastDelivery> last, Wakeup& wakeup);

  void poll(std::size_t limit, std::vector<Message>& out) override;
  void discard() override;
  void leave() override;
  Status ack(const Message& message) override;
  Status nak(const Message& message, std::chrono::milliseconds delay) override;
  Status term(const Message& message) override;

 private:
  // On the link's present connection. False while nats.c does not take the subscription: the next
  // poll asks again.
  bool subscribed();
  Status answer(const Message& message, const std::string& what);
  Message convert(natsMsg* message) const;

  NatsLink& link_;
  const std::string subject_;
  const std::string group_;
  const std::size_t capacity_;
  const std::vector<std::string> header_names_;
  const std::shared_ptr<LastDelivery> last_;
  Wakeup& wakeup_;
  std::unique_ptr<NatsInbox> inbox_;  // null until it is subscribed
  std::uint64_t generation_ = 0;      // of the link, at that time
  std::vector<NatsMsg> taken_;
  std::deque<NatsMsg> waiting_;
};

// What the reply subject of a delivered message tells. nullopt: not a JetStream delivery.
struct Delivery {
  std::uint64_t deliveries = 0;
  std::uint64_t stream_sequence = 0;
  std::uint64_t consumer_sequence = 0;
  std::int64_t stored_at_ns = 0;  // since 1970
};
std::optional<Delivery> parse_delivery(std::string_view reply);

}  // namespace citas::workers

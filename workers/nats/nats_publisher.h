// NatsPublisher: pipelined publishing with JetStream acknowledgements.
//
// It speaks the acknowledgement protocol itself (a reply subject for each publication, a PubAck in
// JSON on it) instead of calling js_PublishAsync, which waits inside the call when its window is
// full and never times out an ack by default. Source: NATS ADR-22, "JetStream Publish Retries".
#pragma once

#include <simdjson.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "workers/bus.h"
#include "workers/nats/nats_inbox.h"
#include "workers/nats/nats_link.h"

namespace citas::workers {

class NatsPublisher final : public Publisher {
 public:
  // Borrows all but `limits`. The link need not be connected.
  static Result<std::unique_ptr<Publisher>> open(NatsLink& link, const PublisherLimits& limits,
                                                 Wakeup& wakeup);

  Status publish(std::uint64_t ticket, const Publication& publication) override;
  void poll(std::vector<Completion>& out) override;
  std::size_t free() const override { return limits_.window - in_flight_.size(); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct InFlight {
    std::uint64_t ticket;
    std::uint64_t connection;  // the connection_count() that it was sent on
    Time deadline;
    bool completed;
  };

  NatsPublisher(NatsLink& link, const PublisherLimits& limits, Wakeup& wakeup)
      : link_(link), limits_(limits), wakeup_(wakeup) {}
  // Sees to it that answers on the link's present connection are received.
  Status listen();
  void complete_answered(std::vector<Completion>& out);
  void complete_lost(std::vector<Completion>& out);
  // The publication that a message answers; null for a late or foreign one.
  InFlight* answered_by(natsMsg* message);
  Result<PublishAck> parse_answer(natsMsg* message);
  // Deletes a stream that cannot store anything any more, for whoever keeps the streams to make it
  // anew. nats-server 2.9.10 takes the folder of a stream away that one client deletes while
  // another makes it again, and refuses every message from then on.
  void give_up(const std::string& stream);

  NatsLink& link_;
  PublisherLimits limits_;
  Wakeup& wakeup_;
  std::string inbox_prefix_;          // replies come to <prefix><token>; tokens count up from 0
  std::unique_ptr<NatsInbox> inbox_;  // null until something is published
  std::uint64_t generation_ = 0;      // of the link, when the inbox was opened
  std::uint64_t first_token_ = 0;     // of in_flight_.front()
  std::deque<InFlight> in_flight_;
  Time next_giving_up_{};
  std::vector<NatsMsg> answers_;
  simdjson::ondemand::parser parser_;
  std::string padded_;
};

}  // namespace citas::workers

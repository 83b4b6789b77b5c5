#include "tests/simulation/simulated_bus.h"

#include <algorithm>
#include <utility>

namespace citas::simulation {
namespace {

using std::chrono::milliseconds;
using workers::Completion;
using workers::Headers;
using workers::Message;
using workers::Publication;
using workers::PublishAck;

using Time = Clock::Monotonic;

constexpr std::size_t kPushedAtOnce = 16;
constexpr std::string_view kEventSubjects = "citas.events.";

auto disconnected() { return failure(ErrorCode::kUnavailable, "the simulated bus is down"); }

auto no_answer() { return failure(ErrorCode::kUnknownOutcome, "no acknowledgement came"); }

class SimulatedPublisher final : public workers::Publisher {
 public:
  SimulatedPublisher(Wire& wire, const workers::PublisherLimits& limits)
      : wire_(wire), limits_(limits) {}

  // The process has died, or let go. What is under way arrives, up to some point.
  ~SimulatedPublisher() override {
    std::size_t arriving = wire_.random.below(on_the_way_.size() + 1);
    for (const Sent& sent : on_the_way_) {
      if (arriving-- == 0) break;
      if (wire_.up()) static_cast<void>(store(sent));
    }
  }
  SimulatedPublisher(const SimulatedPublisher&) = delete;
  SimulatedPublisher& operator=(const SimulatedPublisher&) = delete;

  Status publish(std::uint64_t ticket, const Publication& publication) override {
    wire_.fuse.burn();
    if (!wire_.up()) return disconnected();
    if (free() == 0) return failure(ErrorCode::kUnavailable, "too many publications in flight");
    last_arrival_ = wire_.arrival(last_arrival_);
    answers_.push_back({.ticket = ticket,
                        .connection = wire_.connection(),
                        .due = wire_.clock.monotonic() + limits_.ack_timeout,
                        .outcome = no_answer()});
    if (!wire_.adversary.strikes(Fault::kLosePublication)) send(ticket, publication);
    if (wire_.adversary.strikes(Fault::kRepeatPublication)) send(ticket, publication);
    wire_.fuse.burn();
    return {};
  }

  void poll(std::vector<Completion>& out) override {
    let_arrive();
    std::erase_if(answers_, [&](Answer& each) {
      const bool broken = !wire_.up() || each.connection != wire_.connection();
      if (broken) each.outcome = no_answer();
      if (!broken && each.due > wire_.clock.monotonic()) return false;
      out.push_back({each.ticket, std::move(each.outcome)});
      return true;
    });
  }

  std::size_t free() const override { return limits_.window - answers_.size(); }

 private:
  struct Sent {
    std::uint64_t ticket;
    Time arrival;
    std::string subject;
    std::string id;
    Headers headers;
    std::string payload;
    std::optional<std::uint64_t> expected;
  };
  struct Answer {
    std::uint64_t ticket;
    std::uint64_t connection;
    Time due;
    Result<PublishAck> outcome;
  };

  void send(std::uint64_t ticket, const Publication& publication) {
    Sent sent{.ticket = ticket,
              .arrival = last_arrival_,
              .subject = std::string(publication.subject),
              .id = std::string(publication.message_id),
              .headers = {publication.headers.begin(), publication.headers.end()},
              .payload = std::string(publication.payload),
              .expected = publication.expected_last_sequence};
    const bool event = sent.subject.starts_with(kEventSubjects);
    if (event && wire_.adversary.removes(Canary::kChangeStream, 20)) sent.payload += ' ';
    const auto behind = std::ranges::upper_bound(on_the_way_, sent.arrival, {}, &Sent::arrival);
    on_the_way_.insert(behind, std::move(sent));
  }

  Result<PublishAck> store(const Sent& sent) {
    return wire_.broker.publish({.subject = sent.subject,
                                 .message_id = sent.id,
                                 .headers = sent.headers,
                                 .payload = sent.payload,
                                 .expected_last_sequence = sent.expected});
  }

  void let_arrive() {
    const Time now = wire_.clock.monotonic();
    const auto end = std::ranges::upper_bound(on_the_way_, now, {}, &Sent::arrival);
    for (auto sent = on_the_way_.begin(); sent != end; ++sent) {
      if (wire_.up()) answer(*sent, store(*sent));
    }
    on_the_way_.erase(on_the_way_.begin(), end);
  }

  void answer(const Sent& sent, Result<PublishAck> outcome) {
    if (wire_.adversary.strikes(Fault::kLoseAck)) return;
    const auto found = std::ranges::find(answers_, sent.ticket, &Answer::ticket);
    if (found == answers_.end() || found->outcome) return;  // it was sent twice, or given up
    found->outcome = std::move(outcome);
    found->due = std::min(found->due, wire_.arrival({}));
  }

  Wire& wire_;
  const workers::PublisherLimits limits_;
  Time last_arrival_{};
  std::vector<Sent> on_the_way_;  // by arrival
  std::vector<Answer> answers_;   // by publication
};

class SimulatedSource final : public workers::MessageSource {
 public:
  SimulatedSource(Wire& wire, const workers::ConsumerSpec& spec, std::vector<std::string> names)
      : wire_(wire),
        stream_(spec.stream),
        durable_(spec.durable),
        header_names_(std::move(names)) {}

  void poll(std::size_t limit, std::vector<Message>& out) override {
    wire_.fuse.burn();
    if (!wire_.up()) return;
    forget_if_broken();
    receive();
    const Time now = wire_.clock.monotonic();
    while (limit-- > 0 && !on_the_way_.empty() && on_the_way_.front().arrival <= now) {
      out.push_back(std::move(on_the_way_.front().message));
      on_the_way_.erase(on_the_way_.begin());
    }
  }

  // What has not arrived yet, does so later.
  void discard() override {
    const Time now = wire_.clock.monotonic();
    std::erase_if(on_the_way_, [&](const Delivered& each) { return each.arrival <= now; });
  }

  void leave() override { discard(); }

  Status ack(const Message& message) override {
    return settle([&] { wire_.broker.acknowledge(stream_, durable_, message.stream_sequence); });
  }
  Status nak(const Message& message, milliseconds delay) override {
    return settle(
        [&] { wire_.broker.postpone(stream_, durable_, message.stream_sequence, delay); });
  }
  Status term(const Message& message) override { return ack(message); }

 private:
  struct Delivered {
    Time arrival;
    Message message;
  };

  void forget_if_broken() {
    if (connection_ != wire_.connection()) on_the_way_.clear();
    connection_ = wire_.connection();
  }

  void receive() {
    wire_.broker.deliver(
        stream_, durable_, kPushedAtOnce, [&](const MemoryBroker::Delivery& delivery) {
          if (wire_.adversary.strikes(Fault::kLoseDelivery)) return;
          last_arrival_ = wire_.arrival(last_arrival_);
          const auto behind =
              std::ranges::upper_bound(on_the_way_, last_arrival_, {}, &Delivered::arrival);
          on_the_way_.insert(behind, Delivered{last_arrival_, convert(delivery)});
        });
  }

  Message convert(const MemoryBroker::Delivery& delivery) const {
    Message message{.subject = delivery.message.subject,
                    .headers = {},
                    .payload = delivery.message.payload,
                    .stream_sequence = delivery.message.sequence,
                    .deliveries = delivery.deliveries,
                    .consumer_sequence = delivery.consumer_sequence,
                    .reply = {}};
    for (const std::string& name : header_names_) {
      const auto value = workers::find_header(delivery.message.headers, name);
      if (value) message.headers.push_back({name, std::string(*value)});
    }
    return message;
  }

  Status settle(const std::function<void()>& tell) {
    wire_.fuse.burn();
    if (!wire_.up()) return disconnected();
    if (!wire_.adversary.strikes(Fault::kLoseSettlement)) tell();
    return {};
  }

  Wire& wire_;
  const std::string stream_;
  const std::string durable_;
  const std::vector<std::string> header_names_;
  std::uint64_t connection_ = 0;
  Time last_arrival_{};
  std::vector<Delivered> on_the_way_;  // by arrival
};

}  // namespace

Time Wire::arrival(Time last) {
  const Time now = clock.monotonic();
  const Time then = now + milliseconds{adversary.delay_ms()};
  if (then > now) adversary.count(Fault::kDelay);
  if (!adversary.overtaking()) return std::max(last, then);
  if (then < last) adversary.count(Fault::kOvertake);
  return then;
}

template <typename Answer>
Answer SimulatedBus::call(const std::function<Answer()>& ask) {
  wire_.fuse.burn();
  if (!wire_.up() || wire_.adversary.strikes(Fault::kRefuseCall)) return disconnected();
  Answer answer = ask();
  wire_.fuse.burn();
  if (wire_.adversary.strikes(Fault::kLoseAnswer)) return disconnected();
  return answer;
}

Status SimulatedBus::ensure_stream(const workers::StreamSpec& spec) {
  return call<Status>([&] { return wire_.broker.ensure_stream(spec); });
}

Status SimulatedBus::delete_stream(std::string_view stream) {
  return call<Status>([&] {
    wire_.broker.delete_stream(stream);
    return Status{};
  });
}

Result<workers::StreamInfo> SimulatedBus::stream_info(std::string_view stream) {
  return call<Result<workers::StreamInfo>>([&] { return wire_.broker.stream_info(stream); });
}

Result<workers::StorageUse> SimulatedBus::storage_use() {
  return call<Result<workers::StorageUse>>([&] { return wire_.broker.storage_use(); });
}

Result<workers::StoredMessage> SimulatedBus::last_message(std::string_view stream) {
  return call<Result<workers::StoredMessage>>([&] { return wire_.broker.last_message(stream); });
}

Result<workers::StoredMessage> SimulatedBus::message_at(std::string_view stream,
                                                        std::uint64_t sequence) {
  return call<Result<workers::StoredMessage>>(
      [&] { return wire_.broker.message(stream, sequence); });
}

Result<std::uint64_t> SimulatedBus::next_sequence(std::string_view stream,
                                                  std::string_view filter_subject,
                                                  std::uint64_t from) {
  return call<Result<std::uint64_t>>(
      [&] { return wire_.broker.next_sequence(stream, filter_subject, from); });
}

Result<workers::ConsumerInfo> SimulatedBus::ensure_consumer(const workers::ConsumerSpec& spec) {
  return call<Result<workers::ConsumerInfo>>([&] { return wire_.broker.ensure_consumer(spec); });
}

Status SimulatedBus::delete_consumer(std::string_view stream, std::string_view durable) {
  return call<Status>([&] {
    wire_.broker.delete_consumer(stream, durable);
    return Status{};
  });
}

Result<workers::ConsumerInfo> SimulatedBus::consumer_info(std::string_view stream,
                                                          std::string_view durable) {
  return call<Result<workers::ConsumerInfo>>(
      [&] { return wire_.broker.consumer_info(stream, durable); });
}

Result<std::unique_ptr<workers::MessageSource>> SimulatedBus::open_source(
    const workers::ConsumerSpec& spec, std::vector<std::string> header_names) {
  return std::make_unique<SimulatedSource>(wire_, spec, std::move(header_names));
}

Result<std::unique_ptr<workers::Publisher>> SimulatedBus::open_publisher(
    const workers::PublisherLimits& limits) {
  return std::make_unique<SimulatedPublisher>(wire_, limits);
}

}  // namespace citas::simulation

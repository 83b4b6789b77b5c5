#include "workers/memory/memory_bus.h"

#include <algorithm>
#include <utility>

namespace citas::workers {
namespace {

auto disconnected() { return failure(ErrorCode::kUnavailable, "the bus is down"); }

class MemoryPublisher final : public Publisher {
 public:
  MemoryPublisher(MemoryBroker& broker, std::size_t window) : broker_(broker), window_(window) {}

  Status publish(std::uint64_t ticket, const Publication& publication) override {
    if (!broker_.up()) return disconnected();
    if (free() == 0) return failure(ErrorCode::kUnavailable, "too many publications in flight");
    completed_.push_back({ticket, broker_.publish(publication)});
    return {};
  }

  void poll(std::vector<Completion>& out) override {
    if (broker_.holds_acks()) return;
    if (broker_.reverses_acks()) std::ranges::reverse(completed_);
    std::ranges::move(completed_, std::back_inserter(out));
    completed_.clear();
  }

  std::size_t free() const override { return window_ - completed_.size(); }

 private:
  MemoryBroker& broker_;
  std::size_t window_;
  std::vector<Completion> completed_;
};

class MemorySource final : public MessageSource {
 public:
  MemorySource(MemoryBroker& broker, const ConsumerSpec& spec, std::vector<std::string> names)
      : broker_(broker),
        stream_(spec.stream),
        durable_(spec.durable),
        header_names_(std::move(names)) {}
  ~MemorySource() override { leave(); }
  MemorySource(const MemorySource&) = delete;
  MemorySource& operator=(const MemorySource&) = delete;

  void poll(std::size_t limit, std::vector<Message>& out) override {
    join();
    if (!broker_.up()) return;
    broker_.deliver(stream_, durable_, limit, [&](const MemoryBroker::Delivery& delivery) {
      const StoredMessage& stored = delivery.message;
      out.push_back({.subject = stored.subject,
                     .headers = wanted(stored.headers),
                     .payload = stored.payload,
                     .stream_sequence = stored.sequence,
                     .deliveries = delivery.deliveries,
                     .consumer_sequence = delivery.consumer_sequence,
                     .reply = {}});
    });
  }

  // Nothing is received before it is polled.
  void discard() override { join(); }
  void leave() final {
    if (std::exchange(is_member_, false)) broker_.leave(stream_, durable_);
  }

  Status ack(const Message& message) override {
    if (!broker_.up()) return disconnected();
    broker_.acknowledge(stream_, durable_, message.stream_sequence);
    return {};
  }
  Status nak(const Message& message, std::chrono::milliseconds delay) override {
    if (!broker_.up()) return disconnected();
    broker_.postpone(stream_, durable_, message.stream_sequence, delay);
    return {};
  }
  Status term(const Message& message) override { return ack(message); }

 private:
  void join() {
    if (!std::exchange(is_member_, true)) broker_.join(stream_, durable_);
  }
  Headers wanted(const Headers& all) const {
    Headers copied;
    for (const std::string& name : header_names_) {
      if (const auto value = find_header(all, name)) copied.push_back({name, std::string(*value)});
    }
    return copied;
  }

  MemoryBroker& broker_;
  std::string stream_;
  std::string durable_;
  std::vector<std::string> header_names_;
  bool is_member_ = false;
};

}  // namespace

std::string MemoryBus::connection() const {
  return connected() ? "connected" : "disconnected: the bus is down";
}

Status MemoryBus::ensure_stream(const StreamSpec& spec) {
  if (!connected()) return disconnected();
  return broker_.ensure_stream(spec);
}

Status MemoryBus::delete_stream(std::string_view stream) {
  if (!connected()) return disconnected();
  broker_.delete_stream(stream);
  return {};
}

Result<StreamInfo> MemoryBus::stream_info(std::string_view stream) {
  if (!connected()) return disconnected();
  return broker_.stream_info(stream);
}

Result<StorageUse> MemoryBus::storage_use() {
  if (!connected()) return disconnected();
  return broker_.storage_use();
}

Result<StoredMessage> MemoryBus::last_message(std::string_view stream) {
  if (!connected()) return disconnected();
  return broker_.last_message(stream);
}

Result<StoredMessage> MemoryBus::message_at(std::string_view stream, std::uint64_t sequence) {
  if (!connected()) return disconnected();
  return broker_.message(stream, sequence);
}

Result<std::uint64_t> MemoryBus::next_sequence(std::string_view stream,
                                               std::string_view filter_subject,
                                               std::uint64_t from) {
  if (!connected()) return disconnected();
  return broker_.next_sequence(stream, filter_subject, from);
}

Result<ConsumerInfo> MemoryBus::ensure_consumer(const ConsumerSpec& spec) {
  if (!connected()) return disconnected();
  return broker_.ensure_consumer(spec);
}

Status MemoryBus::delete_consumer(std::string_view stream, std::string_view durable) {
  if (!connected()) return disconnected();
  broker_.delete_consumer(stream, durable);
  return {};
}

Result<ConsumerInfo> MemoryBus::consumer_info(std::string_view stream, std::string_view durable) {
  if (!connected()) return disconnected();
  return broker_.consumer_info(stream, durable);
}

Result<std::unique_ptr<MessageSource>> MemoryBus::open_source(
    const ConsumerSpec& spec, std::vector<std::string> header_names) {
  return std::make_unique<MemorySource>(broker_, spec, std::move(header_names));
}

Result<std::unique_ptr<Publisher>> MemoryBus::open_publisher(const PublisherLimits& limits) {
  return std::make_unique<MemoryPublisher>(broker_, limits.window);
}

}  // namespace citas::workers

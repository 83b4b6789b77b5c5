// MemoryBus: one client's connection to a MemoryBroker.
#pragma once

#include "workers/bus.h"
#include "workers/memory/memory_broker.h"

namespace citas::workers {

// Borrows the broker, which must outlive it. Single-threaded, like the broker; notifies nobody.
class MemoryBus : public Bus {
 public:
  explicit MemoryBus(MemoryBroker& broker) : broker_(broker) {}

  bool connected() const override { return broker_.up(); }
  std::string connection() const override;
  std::uint64_t connection_count() const override { return broker_.starts(); }

  Status ensure_stream(const StreamSpec& spec) override;
  Status delete_stream(std::string_view stream) override;
  Result<StreamInfo> stream_info(std::string_view stream) override;
  Result<StoredMessage> last_message(std::string_view stream) override;
  Result<StoredMessage> message_at(std::string_view stream, std::uint64_t sequence) override;
  Result<std::uint64_t> next_sequence(std::string_view stream, std::string_view filter_subject,
                                      std::uint64_t from) override;
  Result<StorageUse> storage_use() override;

  Result<ConsumerInfo> ensure_consumer(const ConsumerSpec& spec) override;
  Status delete_consumer(std::string_view stream, std::string_view durable) override;
  Result<ConsumerInfo> consumer_info(std::string_view stream, std::string_view durable) override;

  Result<std::unique_ptr<MessageSource>> open_source(
      const ConsumerSpec& spec, std::vector<std::string> header_names) override;
  Result<std::unique_ptr<Publisher>> open_publisher(const PublisherLimits& limits) override;

 private:
  MemoryBroker& broker_;
};

}  // namespace citas::workers

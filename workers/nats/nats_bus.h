// NatsBus: the bus port on NATS JetStream, by nats.c.
//
// One connection, which is re-established for ever (nats_link.h) as long as a publisher or a source
// of it is polled; one delivery thread of nats.c's own, whose callbacks only move messages into
// bounded queues. Streams are file storage with limits
// retention; consumers are push consumers with a deliver group and explicit acks (nats.c 3.4.1 can
// write past its array in a batched fetch, so pull consumers are not used).
//
// A nats-server whose store was damaged or set back gives the sequences that it lost to other
// messages, and a consumer whose own file was damaged may stand anywhere. Such a consumer would
// take messages for acknowledged that nobody has seen. So one that claims to have delivered what
// its stream does not hold, or from which a source of this bus has received what the stream no
// longer has at that place, counts as none: consumer_info() does not find it, ensure_consumer()
// makes it anew.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "workers/bus.h"
#include "workers/nats/nats_handles.h"
#include "workers/nats/nats_link.h"
#include "workers/nats/nats_options.h"
#include "workers/nats/nats_source.h"

namespace citas::workers {

class NatsBus final : public Bus {
 public:
  // Starts to connect; a bus that is down is not an error. Borrows the wakeup. InvalidArgument: the
  // URL makes no sense.
  static Result<std::unique_ptr<NatsBus>> open(const NatsOptions& options, Wakeup& wakeup);
  // Ends the connection for good: what is asked of the server just now fails, and so does all that
  // comes. For whoever has to stop and cannot wait for a bus that does not answer. Any thread.
  void interrupt() { link_->interrupt(); }
  NatsBus(const NatsBus&) = delete;
  NatsBus& operator=(const NatsBus&) = delete;

  bool connected() const override { return link_->state().connected(); }
  std::string connection() const override { return link_->state().describe(); }
  std::uint64_t connection_count() const override { return link_->state().count(); }

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
  NatsBus(std::unique_ptr<NatsLink> link, Wakeup& wakeup)
      : wakeup_(wakeup), link_(std::move(link)) {}
  Status require_connected() const;
  Status require_sending(const std::string& stream);
  Result<StoredMessage> read(const std::string& stream, std::uint64_t sequence,
                             const StreamInfo& info);
  // Whether the stream still holds what the consumer has delivered.
  Result<bool> fits_its_stream(const std::string& stream, const std::string& durable,
                               const jsConsumerInfo& consumer);
  Result<bool> holds(const std::string& stream, const LastDelivery& last,
                     std::uint64_t first_sequence);
  Result<ConsumerInfo> add_consumer(const ConsumerSpec& spec);
  std::shared_ptr<LastDelivery>& last_delivery(std::string_view stream, std::string_view durable);

  Wakeup& wakeup_;
  const std::unique_ptr<NatsLink> link_;
  std::map<std::string, std::shared_ptr<LastDelivery>, std::less<>> last_;  // by stream and durable
};

}  // namespace citas::workers

// SimulatedBus: one process's connection to a MemoryBroker, over a network that delays, loses,
// repeats and reorders, and that breaks.
//
// Keeps what bus.h promises, and nothing beyond: every publication is completed once, though its
// message may arrive later, or twice, or never. When the process dies, what it had sent may still
// arrive.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/base/clock.h"
#include "tests/simulation/faults.h"
#include "workers/bus.h"
#include "workers/memory/memory_broker.h"

namespace citas::simulation {

using workers::MemoryBroker;

// What a connection and its ends share. Borrows all.
struct Wire {
  MemoryBroker& broker;
  const Clock& clock;
  Random& random;
  Adversary& adversary;
  Fuse& fuse;
  std::uint64_t breaks = 0;

  bool up() const { return broker.up(); }
  std::uint64_t connection() const { return broker.starts() + breaks; }
  // When a message that is sent now arrives, after another one at `last`.
  Clock::Monotonic arrival(Clock::Monotonic last);
};

class SimulatedBus final : public workers::Bus {
 public:
  SimulatedBus(MemoryBroker& broker, const Clock& clock, Random& random, Adversary& adversary,
               Fuse& fuse)
      : wire_{broker, clock, random, adversary, fuse} {}

  // The connection breaks, and is there again.
  void cut() { ++wire_.breaks; }

  bool connected() const override { return wire_.up(); }
  std::string connection() const override { return connected() ? "connected" : "down"; }
  std::uint64_t connection_count() const override { return wire_.connection(); }

  Status ensure_stream(const workers::StreamSpec& spec) override;
  Status delete_stream(std::string_view stream) override;
  Result<workers::StreamInfo> stream_info(std::string_view stream) override;
  Result<workers::StoredMessage> last_message(std::string_view stream) override;
  Result<workers::StoredMessage> message_at(std::string_view stream,
                                            std::uint64_t sequence) override;
  Result<std::uint64_t> next_sequence(std::string_view stream, std::string_view filter_subject,
                                      std::uint64_t from) override;
  Result<workers::StorageUse> storage_use() override;
  Result<workers::ConsumerInfo> ensure_consumer(const workers::ConsumerSpec& spec) override;
  Status delete_consumer(std::string_view stream, std::string_view durable) override;
  Result<workers::ConsumerInfo> consumer_info(std::string_view stream,
                                              std::string_view durable) override;
  Result<std::unique_ptr<workers::MessageSource>> open_source(
      const workers::ConsumerSpec& spec, std::vector<std::string> header_names) override;
  Result<std::unique_ptr<workers::Publisher>> open_publisher(
      const workers::PublisherLimits& limits) override;

 private:
  // A round trip, which may fail on its way there or on its way back.
  template <typename Answer>
  Answer call(const std::function<Answer()>& ask);

  Wire wire_;
};

}  // namespace citas::simulation

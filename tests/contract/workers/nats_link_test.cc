// What nats.c makes of a server that misbehaves, and what is made of nats.c.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "tests/contract/workers/greeting_server.h"
#include "workers/nats/nats_bus.h"
#include "workers/wakeup.h"

namespace citas::workers {
namespace {

using citas::testing::GreetedClient;
using citas::testing::GreetingServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience{20};

NatsOptions impatient(const GreetingServer& server) {
  return {.url = server.url(),
          .connect_timeout = milliseconds{100},
          .silence = {.after_greeting = milliseconds{300}, .later = milliseconds{300}}};
}

// nats.c waits for the answer to its CONNECT without a deadline, and nothing of it can be used, nor
// closed, meanwhile.
TEST(NatsLinkTest, AServerThatGreetsAndSaysNothingMoreIsLeft) {
  std::atomic<int> left{0};
  const GreetingServer server([&](GreetedClient& client) {
    client.hears("never", kPatience);
    left += client.has_left() ? 1 : 0;
  });
  Wakeup wakeup;
  const auto begin = std::chrono::steady_clock::now();
  auto bus = NatsBus::open(impatient(server), wakeup);
  ASSERT_TRUE(bus) << bus.error().message;
  EXPECT_FALSE((*bus)->connected());
  bus->reset();
  EXPECT_GE(left, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
}

// nats.c closes a connection for good when a server says an error that it does not know.
TEST(NatsLinkTest, AConnectionThatIsGivenUpIsReplaced) {
  const GreetingServer server([](GreetedClient& client) {
    if (!client.hears("PING\r\n", kPatience)) return;
    client.send("PONG\r\n");
    if (!client.hears("SUB ", kPatience)) return;
    client.send("-ERR 'Unknown Protocol Operation'\r\n");
    client.hears("never", kPatience);
  });
  Wakeup wakeup;
  const auto bus = std::move(*NatsBus::open(impatient(server), wakeup));
  const auto publisher = std::move(*bus->open_publisher({}));
  const Publication letter{.subject = "letters",
                           .message_id = {},
                           .headers = {},
                           .payload = "x",
                           .expected_last_sequence = {}};
  std::vector<Completion> lost;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (bus->connection_count() < 3 && std::chrono::steady_clock::now() < deadline) {
    publisher->poll(lost);
    static_cast<void>(publisher->publish(1, letter));
    wakeup.wait_for(milliseconds{20});
  }
  EXPECT_GE(bus->connection_count(), 3U)
      << "each has subscribed anew, or its server would not have complained";
}

}  // namespace
}  // namespace citas::workers

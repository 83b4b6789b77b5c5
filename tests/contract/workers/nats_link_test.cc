// What nats.c makes of a server that misbehaves, and what is made of nats.c.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <sstream>
#include <string>

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
const Publication kLetter{.subject = "letters",
                          .message_id = {},
                          .headers = {},
                          .payload = "x",
                          .expected_last_sequence = {}};

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
  std::vector<Completion> lost;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (bus->connection_count() < 3 && std::chrono::steady_clock::now() < deadline) {
    publisher->poll(lost);
    static_cast<void>(publisher->publish(1, kLetter));
    wakeup.wait_for(milliseconds{20});
  }
  EXPECT_GE(bus->connection_count(), 3U)
      << "each has subscribed anew, or its server would not have complained";
}

// The word behind `text` in what a client has said, and behind so many others.
std::string word_behind(const std::string& said, std::string_view text, int others) {
  std::istringstream words(said.substr(said.find(text) + text.size()));
  std::string word;
  for (int i = 0; i <= others; ++i) words >> word;
  return word;
}

// As a nats-server refuses each message to a stream that was deleted while it was being made again.
TEST(NatsLinkTest, AStreamWithoutItsFilesIsGivenUp) {
  std::atomic<bool> given_up{false};
  const GreetingServer server([&](GreetedClient& client) {
    if (!client.hears("PING\r\n", kPatience)) return;
    client.send("PONG\r\n");
    if (!client.hears("PUB letters ", kPatience) || !client.hears("\r\nx\r\n", kPatience)) return;
    const std::string reply = word_behind(client.heard(), "PUB letters ", 0);
    const std::string subscription = word_behind(client.heard(), "SUB ", 1);
    const std::string refusal =
        R"({"error":{"code":503,"err_code":10077,"description":"error opening msg block file)"
        R"( [\"1.blk\"]: open 1.blk: no such file or directory"},"stream":"LETTERS","seq":0})";
    client.send("MSG " + reply + " " + subscription + " " + std::to_string(refusal.size()) +
                "\r\n" + refusal + "\r\n");
    given_up = client.hears("PUB $JS.API.STREAM.DELETE.LETTERS ", kPatience);
  });
  Wakeup wakeup;
  const auto bus = std::move(*NatsBus::open({.url = server.url()}, wakeup));
  const auto publisher = std::move(*bus->open_publisher({}));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::vector<Completion> out;
  bool published = false;
  while (!given_up && std::chrono::steady_clock::now() < deadline) {
    published = published || publisher->publish(1, kLetter);
    publisher->poll(out);
    wakeup.wait_for(milliseconds{20});
  }
  EXPECT_TRUE(given_up);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_FALSE(out.front().outcome);
}

}  // namespace
}  // namespace citas::workers

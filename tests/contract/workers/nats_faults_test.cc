// What happens to publications and deliveries when the nats-server dies.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/contract/workers/hooked_server.h"
#include "tests/support/temp_folder.h"
#include "workers/nats/managed_server.h"
#include "workers/nats/nats_bus.h"
#include "workers/wakeup.h"

namespace citas::workers {
namespace {

using citas::testing::TempFolder;

constexpr std::uint64_t kCount = 5000;

class NatsFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server =
        ManagedServer::start({.directory = folder_.path() / "bus",
                              .program = citas::testing::hooked_nats_server(folder_.path())});
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    bus_ = std::move(*NatsBus::open(server_->connection(), wakeup_));
    ASSERT_TRUE(eventually([&] { return bus_->connected(); }));
    ASSERT_TRUE(bus_->ensure_stream({.name = "LETTERS", .subjects = {"letters.>"}}));
  }

  bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      wakeup_.wait_for(std::chrono::milliseconds{5});
    }
    return true;
  }

  static Publication letter(const std::string& id) {
    return {.subject = "letters.a",
            .message_id = id,
            .headers = {},
            .payload = id,
            .expected_last_sequence = {}};
  }

  TempFolder folder_;
  Wakeup wakeup_;
  std::unique_ptr<ManagedServer> server_;
  std::unique_ptr<NatsBus> bus_;
};

// Publishes everything that is not acknowledged again, with the same id, until all is; the server
// is killed twice on the way. Every id must be in the stream, once.
TEST_F(NatsFaults, KilledMidPublishEveryPublicationIsCompletedAndNothingAcknowledgedTwice) {
  auto publisher = std::move(*bus_->open_publisher({.window = 512}));
  std::set<std::uint64_t> waiting;
  for (std::uint64_t i = 0; i < kCount; ++i) waiting.insert(i);
  std::set<std::uint64_t> in_flight;
  std::set<std::uint64_t> stored;
  std::size_t kills = 0;
  std::size_t unknown = 0;
  ASSERT_TRUE(eventually([&] {
    while (!waiting.empty() && publisher->free() > 0) {
      const std::uint64_t next = *waiting.begin();
      if (!publisher->publish(next, letter(std::to_string(next)))) break;
      waiting.erase(next);
      EXPECT_TRUE(in_flight.insert(next).second);
    }
    std::vector<Completion> done;
    publisher->poll(done);
    for (const Completion& completion : done) {
      EXPECT_EQ(in_flight.erase(completion.ticket), 1U);
      if (completion.outcome) {
        stored.insert(completion.ticket);
      } else {
        waiting.insert(completion.ticket);
        unknown += completion.outcome.error().code == ErrorCode::kUnknownOutcome ? 1 : 0;
      }
    }
    if (stored.size() > (kills + 1) * kCount / 3 && kills < 2 && server_->pid() != 0) {
      kill(server_->pid(), SIGKILL);
      ++kills;
    }
    return stored.size() == kCount;
  }));
  EXPECT_EQ(kills, 2U);
  EXPECT_GT(unknown, 0U);
  EXPECT_EQ(bus_->stream_info("LETTERS")->messages, kCount);
}

// A bus without room says so at each publication, and takes them again when there is some.
TEST_F(NatsFaults, AFullStoreRefusesAndIsSeenToBeFull) {
  constexpr std::uint64_t kRoom = 64 << 10;
  server_.reset();
  auto small =
      ManagedServer::start({.directory = folder_.path() / "small", .max_file_store_bytes = kRoom});
  ASSERT_TRUE(small) << small.error().message;
  bus_ = std::move(*NatsBus::open((*small)->connection(), wakeup_));
  ASSERT_TRUE(eventually([&] { return bus_->connected(); }));
  ASSERT_TRUE(bus_->ensure_stream({.name = "LETTERS", .subjects = {"letters.>"}}));
  auto publisher = std::move(*bus_->open_publisher({}));
  std::vector<Completion> done;
  const std::string id(1'000, 'x');
  for (std::uint64_t next = 1; done.empty() || done.back().outcome; ++next) {
    ASSERT_LT(next, kRoom);
    ASSERT_TRUE(publisher->publish(next, letter(id + std::to_string(next))));
    ASSERT_TRUE(eventually([&] {
      publisher->poll(done);
      return done.size() == next;
    }));
  }
  EXPECT_EQ(done.back().outcome.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(done.back().outcome.error().message, "insufficient resources");
  const auto full = bus_->storage_use();
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_GE(full->used_bytes, kRoom * 9 / 10);
  EXPECT_EQ(full->max_bytes, std::nullopt) << "the account has no limit, the server has";
}

TEST_F(NatsFaults, DisconnectedEverythingIsRefusedAtOnce) {
  auto publisher = std::move(*bus_->open_publisher({}));
  server_.reset();
  ASSERT_TRUE(eventually([&] { return !bus_->connected(); }));

  EXPECT_EQ(publisher->publish(1, letter("late")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(bus_->stream_info("LETTERS").error().code, ErrorCode::kUnavailable);
  EXPECT_NE(bus_->connection(), "connected");
}

TEST_F(NatsFaults, AConsumerDeliversWhatWasNotAcknowledgedAfterARestart) {
  const ConsumerSpec spec{.stream = "LETTERS",
                          .durable = "reader",
                          .filter_subject = "letters.a",
                          .deliver_group = "readers",
                          .ack_wait = std::chrono::milliseconds{500}};
  auto publisher = std::move(*bus_->open_publisher({}));
  auto source = std::move(*bus_->open_source(spec, {}));
  ASSERT_TRUE(bus_->ensure_consumer(spec));
  ASSERT_TRUE(publisher->publish(1, letter("one")));
  std::vector<Message> received;
  ASSERT_TRUE(eventually([&] {
    source->poll(1, received);
    return received.size() == 1;
  }));

  kill(server_->pid(), SIGKILL);
  ASSERT_TRUE(eventually([&] {
    source->poll(1, received);
    return received.size() == 2;
  }));
  EXPECT_EQ(received[1].payload, "one");
  EXPECT_TRUE(source->ack(received[1]));
}

// A nats-server that has lost the end of a stream gives its sequences to other messages. To the
// consumer they are acknowledged: it would never deliver them, and nobody would know.
TEST_F(NatsFaults, NoMessageHidesBehindALostOne) {
  const ConsumerSpec spec{.stream = "LETTERS",
                          .durable = "reader",
                          .filter_subject = "letters.a",
                          .deliver_group = "readers"};
  auto publisher = std::move(*bus_->open_publisher({}));
  auto source = std::move(*bus_->open_source(spec, {}));
  std::vector<Completion> completions;
  std::uint64_t published = 0;
  const auto publish = [&](const std::string& id) {
    ASSERT_TRUE(publisher->publish(++published, letter(id)));
    ASSERT_TRUE(eventually([&] {
      publisher->poll(completions);
      return completions.size() == published;
    }));
  };
  std::vector<std::string> received;
  const auto receive = [&] {
    std::vector<Message> messages;
    source->poll(100, messages);
    for (const Message& message : messages) {
      received.push_back(message.payload);
      EXPECT_TRUE(source->ack(message));
    }
  };
  ASSERT_TRUE(bus_->ensure_consumer(spec));
  for (const char* id : {"one", "two"}) publish(id);
  const std::filesystem::path messages =
      folder_.path() / "bus/store/jetstream/$G/streams/LETTERS/msgs";
  const std::filesystem::path older = folder_.path() / "older";
  std::filesystem::copy(messages, older, std::filesystem::copy_options::recursive);
  for (const char* id : {"lost three", "lost four"}) publish(id);
  ASSERT_TRUE(eventually([&] {
    receive();
    return received.size() == 4 &&
           bus_->consumer_info("LETTERS", "reader")->ack_floor_stream_sequence == 4;
  }));

  citas::testing::hook(folder_.path(), "if [ -e '" + older.string() + "' ]; then rm -r '" +
                                           messages.string() + "'; mv '" + older.string() + "' '" +
                                           messages.string() + "'; fi");
  kill(server_->pid(), SIGKILL);
  ASSERT_TRUE(eventually([&] { return bus_->connected() && bus_->connection_count() == 2; }));
  ASSERT_TRUE(eventually([&] { return bus_->stream_info("LETTERS").has_value(); }));
  ASSERT_EQ(bus_->stream_info("LETTERS")->last_sequence, 2U);
  for (const char* id : {"three", "four", "five"}) publish(id);
  ASSERT_EQ(bus_->stream_info("LETTERS")->last_sequence, 5U);

  EXPECT_EQ(bus_->consumer_info("LETTERS", "reader").error().code, ErrorCode::kNotFound);
  received.clear();
  ASSERT_TRUE(eventually([&] { return bus_->ensure_consumer(spec).has_value(); }));
  ASSERT_TRUE(eventually([&] {
    receive();
    return std::ranges::find(received, "four") != received.end();
  }));
  EXPECT_NE(std::ranges::find(received, "three"), received.end());
  EXPECT_TRUE(bus_->consumer_info("LETTERS", "reader"));
}

// A damaged file of a consumer may say that it has delivered anything.
TEST_F(NatsFaults, AConsumerThatIsBeyondItsStreamIsMadeAnew) {
  const ConsumerSpec spec{.stream = "LETTERS",
                          .durable = "reader",
                          .filter_subject = "letters.a",
                          .deliver_group = "readers"};
  auto source = std::move(*bus_->open_source(spec, {}));
  ASSERT_TRUE(bus_->ensure_consumer(spec));
  // Version 2; acknowledged up to 0 and 0, delivered up to 0 and 2^20; nothing pending.
  const std::string state =
      (folder_.path() / "bus/store/jetstream/$G/streams/LETTERS/obs/reader/o.dat").string();
  citas::testing::hook(
      folder_.path(),
      "printf '\\026\\002\\000\\000\\000\\200\\200\\100\\000\\000' > '" + state + "'");
  kill(server_->pid(), SIGKILL);
  ASSERT_TRUE(eventually([&] { return bus_->connected() && bus_->connection_count() == 2; }));
  auto publisher = std::move(*bus_->open_publisher({}));
  ASSERT_TRUE(eventually([&] { return bus_->ensure_consumer(spec).has_value(); }));
  ASSERT_TRUE(publisher->publish(1, letter("one")));
  std::vector<Message> received;
  EXPECT_TRUE(eventually([&] {
    source->poll(1, received);
    return !received.empty();
  }));
}

// The nats-server shows a new stream a moment before it can send, and a consumer made in that
// moment stays silent for ever. A stream without direct gets looks the same, for as long as a test
// needs.
TEST_F(NatsFaults, NoConsumerIsMadeWhileItsStreamComesUp) {
  auto publisher = std::move(*bus_->open_publisher({}));
  ASSERT_TRUE(publisher->publish(1, {.subject = "$JS.API.STREAM.CREATE.NEWS",
                                     .message_id = {},
                                     .headers = {},
                                     .payload = R"({"name": "NEWS", "subjects": ["news.>"],
                                                    "retention": "limits", "storage": "file",
                                                    "num_replicas": 1, "discard": "old"})",
                                     .expected_last_sequence = {}}));
  ASSERT_TRUE(eventually([&] { return bus_->stream_info("NEWS").has_value(); }));
  const ConsumerSpec spec{.stream = "NEWS",
                          .durable = "reader",
                          .filter_subject = "news.a",
                          .deliver_group = "readers"};

  EXPECT_EQ(bus_->ensure_consumer(spec).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(bus_->consumer_info("NEWS", "reader").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(bus_->ensure_stream({.name = "NEWS", .subjects = {"news.>"}}));
  EXPECT_TRUE(bus_->ensure_consumer(spec));
}

TEST_F(NatsFaults, AStreamThatCannotBeChangedIsToldApart) {
  auto publisher = std::move(*bus_->open_publisher({}));
  ASSERT_TRUE(publisher->publish(1, {.subject = "$JS.API.STREAM.UPDATE.LETTERS",
                                     .message_id = {},
                                     .headers = {},
                                     .payload = R"({"name": "LETTERS", "subjects": ["letters.>"],
                                                    "retention": "limits", "storage": "file",
                                                    "num_replicas": 1, "discard": "old",
                                                    "sealed": true})",
                                     .expected_last_sequence = {}}));
  const StreamSpec spec{.name = "LETTERS", .subjects = {"letters.>"}};
  ASSERT_TRUE(eventually([&] { return !bus_->ensure_stream(spec); }));
  const auto refused = bus_->ensure_stream(spec);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("sealed"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find(".c:"), std::string::npos) << refused.error().message;
  ASSERT_TRUE(bus_->delete_stream("LETTERS"));
  EXPECT_TRUE(bus_->ensure_stream(spec));
}

}  // namespace
}  // namespace citas::workers

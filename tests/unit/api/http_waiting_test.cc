// Requests that wait without a thread: parked, deferred; and the end of the server.
#include <gmock/gmock.h>
#include <sys/eventfd.h>

#include <future>
#include <mutex>
#include <thread>

#include "api/http/inbox.h"
#include "tests/unit/api/http_kit.h"

namespace citas::api::http {
namespace {

// Answers once `visible` has reached the number in the path.
class HttpParkTest : public HttpTest {
 protected:
  void SetUp() override {
    HttpTest::SetUp();
    application.on_handle = [this](const Request& request) -> Outcome {
      const std::uint64_t wanted = std::stoull(request.path.substr(1));
      if (visible >= wanted) return text("visible");
      if (request.parked_timed_out) return text("timed out", 503);
      return Park{wanted, timeout};
    };
  }

  void advance(std::uint64_t position) {
    visible = position;
    server->advance(0, position);
  }

  bool parked(std::uint64_t count) {
    return eventually([this, count] { return server->stats().connections_parked == count; });
  }

  std::atomic<std::uint64_t> visible{0};
  std::chrono::milliseconds timeout = kPatience;
};

class HttpParkInPoolTest : public HttpParkTest, public ::testing::WithParamInterface<Pool> {};

TEST_P(HttpParkInPoolTest, WakesThoseWhosePositionIsReached) {
  application.pool = GetParam();
  serve();
  Client five = connect();
  Client ten = connect();
  five.send(get("/5"));
  ten.send(get("/10"));
  ASSERT_TRUE(parked(2));
  advance(4);
  EXPECT_EQ(server->stats().connections_parked, 2U);
  advance(5);
  EXPECT_EQ(five.receive().body, "visible");
  EXPECT_EQ(server->stats().connections_parked, 1U);
  advance(12);
  EXPECT_EQ(ten.receive().body, "visible");
  EXPECT_EQ(five.ask(get("/12")).body, "visible");
  EXPECT_EQ(server->stats().connections_parked, 0U);
}

INSTANTIATE_TEST_SUITE_P(Pools, HttpParkInPoolTest,
                         ::testing::Values(Pool::kInline, Pool::kReader));

TEST_F(HttpParkTest, NewsOfOneFeedWakesNobodyOfAnother) {
  std::atomic<std::uint64_t> second{0};
  application.on_handle = [&](const Request& request) -> Outcome {
    if (second >= 5) return text("visible");
    if (request.parked_timed_out) return text("timed out", 503);
    return Park{5, timeout, 1};
  };
  serve();
  Client client = connect();
  client.send(get("/"));
  ASSERT_TRUE(parked(1));
  server->advance(0, 9);
  // Served by the same loop after the news: the parked one has not been handled again.
  second = 4;
  server->advance(1, 4);
  EXPECT_EQ(server->stats().connections_parked, 1U);
  second = 5;
  server->advance(1, 5);
  EXPECT_EQ(client.receive().body, "visible");
  EXPECT_EQ(application.handled, 2) << "once when it came, once when its feed got there";
}

TEST_F(HttpParkTest, TimesOut) {
  timeout = 50ms;
  serve();
  Client client = connect();
  EXPECT_EQ(client.ask(get("/5")).status, 503);
  EXPECT_EQ(client.ask(get("/0")).status, 200);
  EXPECT_EQ(application.handled, 3);
}

TEST_F(HttpParkTest, HandlerThatIsNeverContentTimesOutAndDoesNotSpin) {
  timeout = 200ms;
  application.on_handle = [this](const Request& request) -> Outcome {
    if (request.parked_timed_out) return text("timed out", 503);
    return Park{1, timeout};
  };
  serve();
  advance(3);
  EXPECT_EQ(connect().ask(get("/")).status, 503);
  EXPECT_LE(application.handled, 3);
}

TEST_F(HttpParkTest, ClientThatBreaksOffIsForgotten) {
  serve();
  Client client = connect();
  client.send(get("/5"));
  ASSERT_TRUE(parked(1));
  client.reset();
  EXPECT_TRUE(parked(0));
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
  advance(5);
  EXPECT_EQ(application.handled, 1);
}

// It cannot be told from one that has left: both are answered, and then closed.
TEST_F(HttpParkTest, ClientThatClosesHalfItsConnectionMeanwhileIsAnswered) {
  options.io_threads = 1;  // has seen their ends when it answers another one
  serve();
  Client waiting = connect();
  Client leaving = connect();
  waiting.send(get("/5"));
  leaving.send(get("/5"));
  ASSERT_TRUE(parked(2));
  waiting.finish_sending();
  leaving.close();
  EXPECT_EQ(connect().ask(get("/0")).body, "visible");
  advance(5);
  EXPECT_EQ(waiting.receive().body, "visible");
  EXPECT_EQ(waiting.rest(), "");
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
}

TEST_F(HttpParkTest, KeepsWhatWasPipelinedBehind) {
  serve();
  Client client = connect();
  client.send(get("/5") + get("/0"));
  ASSERT_TRUE(parked(1));
  client.send(get("/0"));
  advance(5);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive().body, "visible");
}

TEST_F(HttpParkTest, NoWakeUpIsLost) {
  serve();
  std::jthread advancing([this](const std::stop_token& stop) {
    for (std::uint64_t position = 1; !stop.stop_requested(); ++position) advance(position);
  });
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([this] {
      Client client = connect();
      for (int round = 0; round < 500; ++round) {
        const auto wanted = visible.load() + 20;
        ASSERT_EQ(client.ask(get(numbered(wanted))).body, "visible");
      }
    });
  }
  clients.clear();
}

// Keeps the completions of deferred requests for the test to use.
class HttpDeferTest : public HttpTest {
 protected:
  void SetUp() override {
    HttpTest::SetUp();
    application.on_handle = [this](const Request&) {
      return Deferred([this](Completion completion) {
        const std::lock_guard lock(mutex_);
        completions_.push_back(std::move(completion));
      });
    };
  }

  std::vector<Completion> take(std::size_t count) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex_);
      return completions_.size() == count;
    }));
    const std::lock_guard lock(mutex_);
    return std::exchange(completions_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Completion> completions_;
};

TEST_F(HttpDeferTest, IsAnsweredFromAnotherThread) {
  for (const Pool pool : {Pool::kInline, Pool::kWriter}) {
    application.pool = pool;
    serve();
    std::vector<Client> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(connect());
      clients.back().send(post("/", "x") + post("/", "y"));
    }
    for (const char* reply : {"first", "second"}) {
      for (const Completion& completion : take(clients.size())) {
        completion.complete([reply] { return text(reply); });
        completion.complete([] { return text("too late"); });
      }
      for (Client& client : clients) EXPECT_EQ(client.receive().body, reply);
    }
  }
}

TEST_F(HttpDeferTest, ForgottenOneIsAnswered500) {
  serve();
  Client client = connect();
  client.send(get("/"));
  take(1).clear();
  EXPECT_EQ(client.receive().status, 500);
}

TEST_F(HttpDeferTest, FailingOneIsAnswered500) {
  serve();
  Client client = connect();
  client.send(get("/"));
  take(1).front().complete([]() -> Response { throw std::runtime_error("secret"); });
  EXPECT_EQ(client.receive().status, 500);
  application.on_handle = [](const Request&) {
    return Deferred([](const Completion&) { throw std::runtime_error("secret"); });
  };
  EXPECT_EQ(client.ask(get("/")).status, 500);
}

TEST_F(HttpDeferTest, ClientThatLeavesIsForgotten) {
  serve();
  Client client = connect();
  client.send(get("/"));
  const auto completions = take(1);
  client.reset();
  completions.front().complete([] { return text("for nobody"); });
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
  EXPECT_EQ(server->stats().requests_in_flight, 0U);
}

TEST_F(HttpDeferTest, CompletionOutlivesTheServer) {
  serve();
  Client client = connect();
  client.send(get("/"));
  const auto completions = take(1);
  server.reset();
  completions.front().complete([] { return text("for nobody"); });
  EXPECT_EQ(client.rest(), "");
}

TEST_F(HttpDeferTest, DrainFinishesWhatWasAccepted) {
  serve();
  Client busy = connect();
  Client half = connect();
  Client idle = connect();
  idle.send(get("/"));
  take(1).front().complete([] { return text("done"); });
  EXPECT_EQ(idle.receive().body, "done");
  busy.send(get("/") + get("/not/accepted"));
  half.send("GET /half HTTP/1.1\r\n");
  const auto completions = take(1);
  auto drained = std::async(std::launch::async, [&] { return server->drain(kPatience); });
  EXPECT_EQ(idle.rest(), "");  // closed: the drain has begun
  half.send("Host: test\r\n\r\n");
  take(1).front().complete([] { return text("half"); });
  EXPECT_EQ(half.receive().header("Connection"), "close");
  completions.front().complete([] { return text("busy"); });
  const Answer answer = busy.receive();
  EXPECT_EQ(answer.body, "busy");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_EQ(answer.header("Keep-Alive"), std::nullopt);
  EXPECT_EQ(busy.rest(), "");
  EXPECT_TRUE(drained.get());
}

// Clients may keep their end open for as long as they like.
TEST_F(HttpDeferTest, DrainDoesNotWaitForClientsToClose) {
  options.limits.drain_discard_deadline = 50ms;
  options.limits.discard_deadline = 10min;
  serve();
  Client client = connect();
  client.send(get("/"));
  const auto completions = take(1);
  EXPECT_FALSE(server->drain(0ms));
  completions.front().complete([] { return text("done"); });
  EXPECT_EQ(client.receive().body, "done");
  EXPECT_TRUE(server->drain(kPatience));
}

// Its loop is in the middle of a request when the drain begins, and has not yet seen the others.
TEST_F(HttpTest, DrainAnswersWhatWasSentBeforeIt) {
  options.io_threads = 1;
  std::promise<void> release;
  application.on_handle = [&, released = release.get_future().share()](const Request& request) {
    if (request.path == "/busy") released.wait();
    return text("done");
  };
  serve();
  Client known = connect();
  EXPECT_EQ(known.ask(get("/")).body, "done");
  Client busy = connect();
  busy.send(get("/busy"));
  ASSERT_TRUE(eventually([&] { return application.handled == 2; }));
  Client fresh = connect();
  fresh.send(get("/"));
  known.send(get("/"));
  EXPECT_FALSE(server->drain(0ms));
  release.set_value();
  for (Client* client : {&busy, &known, &fresh}) {
    EXPECT_EQ(client->receive().body, "done");
    EXPECT_EQ(client->rest(), "");
  }
}

TEST_F(HttpDeferTest, ManyAreAnsweredTogether) {
  serve();
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(connect());
    clients.back().send(get("/"));
  }
  const auto completions = take(8);
  server->answer_together([&] {
    for (const Completion& one : completions) one.complete([] { return text("all"); });
  });
  for (Client& client : clients) EXPECT_EQ(client.receive().body, "all");
}

// How often the loop was woken since the last call.
std::uint64_t wakes(const Inbox& inbox) {
  eventfd_t count = 0;
  return ::eventfd_read(inbox.fd(), &count) == 0 ? count : 0;
}

TEST(InboxTest, WakesOnceForWhatComesInWhileItIsHeld) {
  Inbox inbox;
  inbox.hold();
  inbox.hold();
  for (int i = 0; i < 3; ++i) inbox.post(Return{});
  EXPECT_EQ(wakes(inbox), 0U);
  inbox.release();
  EXPECT_EQ(wakes(inbox), 0U) << "somebody else still holds it";
  inbox.release();
  EXPECT_EQ(wakes(inbox), 1U);
  EXPECT_EQ(inbox.collect().returns.size(), 3U);
  inbox.hold();
  inbox.release();
  EXPECT_EQ(wakes(inbox), 0U) << "nothing came in";
  inbox.post(Return{});
  EXPECT_EQ(wakes(inbox), 1U);
}

TEST_F(HttpDeferTest, DrainGivesUpInTime) {
  serve();
  Client client = connect();
  client.send(get("/"));
  const auto completions = take(1);
  EXPECT_FALSE(server->drain(50ms));
  server->stop();
  EXPECT_EQ(client.rest(), "");
}

// A loopback address that no other process uses, so that nobody takes a port there that was given
// up: Linux has sixteen million of them, and four million process ids.
std::string address_of_this_process() {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  const auto part = [&](int shift) { return std::to_string(pid >> shift & 0xff); };
  return "127." + std::to_string(64 + (pid >> 16 & 0x3f)) + "." + part(8) + "." + part(0);
}

TEST_F(HttpTest, DrainedServerAcceptsNothing) {
  options.address = address_of_this_process();
  for (int round = 0; round < 50; ++round) {
    options.port = 0;
    serve();
    options.port = server->port();
    EXPECT_TRUE(server->drain(kPatience));
    Server next(application, options);
    ASSERT_TRUE(next.start());  // the port is free already
  }
}

TEST_F(HttpTest, StopWaitsForRunningHandlers) {
  application.pool = Pool::kWriter;
  std::promise<void> release;
  std::atomic<bool> returned{false};
  application.on_handle = [&](const Request&) {
    release.get_future().wait();
    returned = true;
    return text("done");
  };
  serve();
  Client client = connect();
  client.send(get("/"));
  ASSERT_TRUE(eventually([&] { return application.handled == 1; }));
  std::jthread releasing([&] { release.set_value(); });
  server->stop();
  EXPECT_TRUE(returned);
}

}  // namespace
}  // namespace citas::api::http

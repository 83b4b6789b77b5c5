// What connections may take of a server: time, places, descriptors, its queue and its memory.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/unit/api/http_kit.h"

namespace citas::api::http {
namespace {

TEST_F(HttpTest, RefusalIsSeenByClientsThatSendEverythingFirst) {
  serve();
  Client client = connect();
  client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 8388608\r\n\r\n");
  EXPECT_TRUE(client.send(std::string(8'388'608, 'x')));
  EXPECT_EQ(client.receive().status, 413);
}

TEST_F(HttpTest, DiscardingHasAnEnd) {
  options.limits.discard_bytes = 100'000;
  serve();
  Client client = connect();
  client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_EQ(client.receive().status, 413);
  const std::string more(65'536, 'x');
  EXPECT_TRUE(eventually([&] {
    client.send(more);
    return server->stats().connections_open == 0;
  }));
}

TEST_F(HttpTest, WhoDoesNotCloseAfterTheLastAnswerIsGivenUp) {
  options.limits.discard_deadline = 100ms;
  serve();
  Client client = connect();
  client.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
}

TEST_F(HttpTest, SlowHeadIsGivenUp) {
  options.limits.head_deadline = 100ms;
  options.limits.request_line_bytes = 1 << 30;
  serve();
  Client client = connect();
  const auto began = std::chrono::steady_clock::now();
  // Bytes keep trickling in: a deadline for each of them would never pass.
  client.send("GET /");
  EXPECT_TRUE(eventually([&] {
    client.send("a");
    return server->stats().requests_refused == 1;
  }));
  EXPECT_EQ(client.receive().status, 408);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 100ms);
}

TEST_F(HttpTest, SlowBodyIsGivenUp) {
  options.limits.request_deadline = 100ms;
  options.limits.body_bytes = 1 << 30;
  serve();
  Client client = connect();
  client.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 1073741824\r\n\r\n");
  EXPECT_TRUE(eventually([&] {
    client.send("a");
    return server->stats().requests_refused == 1;
  }));
  EXPECT_EQ(client.receive().status, 408);
}

TEST_F(HttpTest, IdleConnectionIsClosedSilently) {
  options.limits.idle_timeout = 100ms;
  serve();
  Client silent = connect();
  EXPECT_EQ(silent.rest(), "");
  Client used = connect();
  used.ask(get("/"));
  EXPECT_EQ(used.rest(), "");
}

// Some clients send one behind each body.
TEST_F(HttpTest, EmptyLineBehindABodyIsNotASlowRequest) {
  options.limits.head_deadline = 20ms;
  options.limits.idle_timeout = 200ms;
  serve();
  Client client = connect();
  client.send(post("/x", "abc") + "\r\n");
  EXPECT_EQ(client.receive().body, "POST /x [abc]");
  EXPECT_EQ(client.rest(), "") << "closed as any idle connection";
  EXPECT_EQ(server->stats().requests_refused, 0U);
}

TEST_F(HttpTest, OneConnectionTooManyIsToldSo) {
  options.max_connections = 2;
  serve();
  Client first = connect();
  Client second = connect();
  EXPECT_EQ(first.ask(get("/")).status, 200);
  EXPECT_EQ(second.ask(get("/")).status, 200);
  Client third = connect();
  const Answer answer = third.ask(get("/"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.all("Retry-After"), ::testing::ElementsAre("7")) << "the application's own";
  EXPECT_EQ(third.rest(), "");
  EXPECT_EQ(server->stats().connections_rejected, 1U);
  first.close();
  third.close();
  ASSERT_TRUE(eventually([&] { return server->stats().connections_open == 1; }));
  EXPECT_EQ(connect().ask(get("/")).status, 200);
}

TEST_F(HttpTest, LongestIdleConnectionMakesRoom) {
  options.max_connections = 2;
  options.io_threads = 1;
  options.limits.spared_idle = 0ms;
  // Files to tell more clients with that there is no room; and none.
  for (const std::size_t files : {std::size_t{1'024}, std::size_t{0}}) {
    options.other_files = files;
    serve();
    Client first = connect();
    Client second = connect();
    EXPECT_EQ(first.ask(get("/")).status, 200);
    EXPECT_EQ(second.ask(get("/")).status, 200);
    EXPECT_EQ(first.ask(get("/")).status, 200);
    Client third = connect();
    EXPECT_EQ(third.ask(get("/")).status, 200);
    EXPECT_EQ(second.rest(), "") << "idle for longer than the first";
    EXPECT_EQ(first.ask(get("/")).status, 200);
    EXPECT_EQ(server->stats().connections_rejected, 0U);
  }
}

TEST_F(HttpTest, WhereThereAreNoFilesToSaySoItIsCounted) {
  options.max_connections = 1;
  options.other_files = 0;
  serve();
  Client first = connect();
  EXPECT_EQ(first.ask(get("/")).status, 200);
  Client second = connect();
  EXPECT_TRUE(eventually([&] { return server->stats().connections_rejected == 1; }));
  EXPECT_EQ(server->stats().connections_open, 1U);
  EXPECT_EQ(first.ask(get("/")).status, 200);
}

// Lowers the limit of open files until it goes out of scope.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t limit) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{limit, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(HttpTest, ConnectionsLeaveDescriptorsToTheRestOfTheProcess) {
  const pid_t child = ::fork();  // the limit that counts cannot be raised again
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit low{200, 200};
    ::setrlimit(RLIMIT_NOFILE, &low);
    Server small(application, options);
    const bool starts = small.start().has_value();
    ::_exit(starts ? static_cast<int>(small.max_connections()) : 255);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 100);
  serve();
  EXPECT_LE(server->max_connections(), options.max_connections);
}

TEST_F(HttpTest, SurvivesRunningOutOfDescriptors) {
  serve();
  const FewDescriptors few(256);
  std::vector<Descriptor> all_others;
  for (Descriptor other(::dup(0)); other; other = Descriptor(::dup(0))) {
    all_others.push_back(std::move(other));
  }
  all_others.pop_back();
  Client client = connect();  // takes the last one; the kernel completes it, nobody can accept it
  client.send(get("/"));
  ASSERT_TRUE(eventually([&] { return server->stats().connections_rejected > 0; }));
  all_others.clear();
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(HttpTest, FullQueueIsAnsweredAtOnce) {
  options.writer_threads = 1;
  options.writer_queue = 1;
  application.pool = Pool::kWriter;
  Gate gate;
  application.on_handle = behind(gate);
  serve();
  Client running = connect();
  running.send(get("/"));
  ASSERT_TRUE(eventually([&] { return application.handled == 1; }));
  Client waiting = connect();
  waiting.send(get("/"));
  ASSERT_TRUE(eventually([&] { return server->stats().requests_in_flight == 2; }));
  Client refused = connect();
  const Answer answer = refused.ask(get("/"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.all("Retry-After"), ::testing::ElementsAre("7")) << "the application's own";
  EXPECT_EQ(answer.header("Connection"), std::nullopt);
  Client leaving = connect();
  EXPECT_EQ(leaving.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").status, 503);
  EXPECT_EQ(leaving.rest(), "") << "as it has asked for";
  gate.open();
  EXPECT_EQ(running.receive().body, "done");
  EXPECT_EQ(waiting.receive().body, "done");
  EXPECT_EQ(refused.ask(get("/")).body, "done");
}

TEST_F(HttpTest, BodiesTogetherAreBounded) {
  options.buffered_body_bytes = 1'000'000;
  options.io_threads = 1;  // gives back what a request held before it reads the next one
  application.pool = Pool::kWriter;
  Gate gate;
  application.on_handle = behind(gate);
  serve();
  const std::string large = post("/", std::string(600'000, 'x'));
  Client first = connect();
  first.send(large);
  ASSERT_TRUE(eventually([&] { return application.handled == 1; }));
  EXPECT_EQ(connect().ask(large).status, 503);
  gate.open();
  EXPECT_EQ(first.receive().status, 200);
  EXPECT_EQ(first.ask(large).status, 200);
}

TEST_F(HttpTest, LargeBodiesHeldBackDoNotKeepSmallOnesOut) {
  options.buffered_body_bytes = 60'000;
  options.io_threads = 1;  // reads the first before the second
  serve();
  const std::string large = post("/", std::string(60'000, 'x'));
  Client one = connect();
  Client two = connect();
  one.send(large.substr(0, large.size() - 1));
  two.send(large.substr(0, large.size() - 1));
  // The second: the budget is spent.
  ASSERT_TRUE(eventually([&] { return server->stats().requests_refused == 1; }));
  Client three = connect();
  EXPECT_EQ(three.ask(post("/", std::string(4'000, 'y'))).status, 200);
  EXPECT_EQ(three.ask(large).status, 503);
}

TEST_F(HttpTest, BlockedWritersDoNotStopReaders) {
  options.io_threads = 1;
  options.writer_threads = 2;
  Gate gate;
  application.on_handle = [&](const Request& request) {
    if (request.method == "POST") gate.pass();
    return text("done");
  };
  application.pool = Pool::kWriter;
  serve();
  std::vector<Client> writers;
  for (int i = 0; i < 4; ++i) {
    writers.push_back(connect());
    writers.back().send(post("/", "x"));
  }
  ASSERT_TRUE(eventually([&] { return server->stats().requests_in_flight == 4; }));
  application.pool = Pool::kReader;
  EXPECT_EQ(connect().ask(get("/")).body, "done");
  gate.open();
  for (Client& writer : writers) EXPECT_EQ(writer.receive().body, "done");
}

TEST_F(HttpTest, OneThatPipelinesThousandsDoesNotHoldUpTheOthers) {
  options.io_threads = 1;
  Gate gate;
  std::atomic<int> before_the_other{0};
  std::atomic<bool> other_is_handled{false};
  application.on_handle = [&](const Request& request) {
    if (request.path == "/first") gate.pass();
    if (request.path == "/other") other_is_handled = true;
    if (request.path == "/many" && !other_is_handled) ++before_the_other;
    return text("done");
  };
  serve();
  Client other = connect();
  EXPECT_EQ(other.ask(get("/")).status, 200);
  Client greedy = connect();
  constexpr int kMany = 2'000;
  std::string all = get("/first");
  for (int i = 0; i < kMany; ++i) all += get("/many");
  greedy.send(all);
  ASSERT_TRUE(eventually([&] { return application.handled == 2; }));
  other.send(get("/other"));
  gate.open();
  EXPECT_EQ(other.receive().body, "done");
  EXPECT_LT(before_the_other, 100);
  for (int i = 0; i <= kMany; ++i) ASSERT_EQ(greedy.receive().body, "done");
}

}  // namespace
}  // namespace citas::api::http

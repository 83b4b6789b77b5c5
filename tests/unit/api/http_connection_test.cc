// How connections live: keep-alive, pipelining, deadlines, limits, overload and failures.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "tests/unit/api/http_kit.h"

namespace citas::api::http {
namespace {

TEST_F(HttpTest, KeepsAConnectionForManyRequests) {
  serve();
  Client client = connect();
  for (int i = 0; i < 100; ++i) {
    const std::string path = numbered(i);
    const Answer answer = client.ask(get(path));
    EXPECT_EQ(answer.body, "GET " + path + " []");
    EXPECT_EQ(answer.header("Connection"), std::nullopt);
    EXPECT_EQ(answer.header("Keep-Alive")->substr(0, 11), "timeout=75,");
    EXPECT_TRUE(answer.header("Date"));
  }
  EXPECT_EQ(server->stats().connections_accepted, 1U);
  EXPECT_EQ(server->stats().requests, 100U);
  EXPECT_EQ(application.responses, 100);
}

TEST_F(HttpTest, FieldsGoOutAsTheyAreUnlessTheyWouldBreakTheirLine) {
  application.on_handle = [](const Request&) {
    Response response = text("first\r\n\r\nsecond\r\n\r\n");
    for (const auto& [name, value] : {std::pair{"X-One", "1"},
                                      {"X-Empty", ""},
                                      {"X-Two", "a"},
                                      {"X-Two", "b: c"},
                                      {"X-Broken", "a\r\nX-Made-Up: 1"},
                                      {"X-Fed", "a\nb"},
                                      {"X-Name\r\nX-Made-Up", "1"}}) {
      response.headers.push_back({name, value});
    }
    return response;
  };
  serve();
  Client client = connect();
  for (int i = 0; i < 2; ++i) {
    const Answer answer = client.ask(get("/"));
    EXPECT_EQ(answer.body, "first\r\n\r\nsecond\r\n\r\n");
    std::vector<Field> own;
    for (const Field& field : answer.headers) {
      if (field.name.starts_with("X-")) own.push_back(field);
    }
    EXPECT_EQ(own, (std::vector<Field>{
                       {"X-One", "1"}, {"X-Empty", ""}, {"X-Two", "a"}, {"X-Two", "b: c"}}));
  }
}

TEST_F(HttpTest, ClosesWhenAsked) {
  serve();
  Client client = connect();
  const Answer answer =
      client.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: foo, Close\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_EQ(client.rest(), "");
}

TEST_F(HttpTest, LastAnswerIsNotLostToAClientThatSentMore) {
  constexpr std::size_t kMore = 8 * 1024 * 1024;  // more than two sockets hold
  serve();
  Client client = connect();
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(client.send(std::string(kMore, 'x'))) << "reset";
  EXPECT_EQ(client.receive().body, "GET / []");
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(server->stats().requests, 1U);
}

TEST_F(HttpTest, Http10ClosesUnlessAskedToKeepAlive) {
  serve();
  Client once = connect();
  EXPECT_EQ(once.ask("GET / HTTP/1.0\r\n\r\n").header("Connection"), "close");
  EXPECT_EQ(once.rest(), "");
  Client kept = connect();
  for (int i = 0; i < 2; ++i) {
    const Answer answer = kept.ask("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    EXPECT_EQ(answer.header("Connection"), "keep-alive");
  }
}

TEST_F(HttpTest, HeadIsAnsweredLikeGetWithoutBody) {
  serve();
  Client client = connect();
  client.send("HEAD /a HTTP/1.1\r\nHost: test\r\n\r\n" + get("/b"));
  const Answer head = client.receive(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Content-Length"), "10");  // of "HEAD /a []"
  EXPECT_EQ(client.receive().body, "GET /b []");
}

TEST_F(HttpTest, StatusesWithoutBodyHaveNoLength) {
  application.on_handle = [](const Request& request) {
    Response response;
    response.status = request.path == "/204" ? 204 : 304;
    return response;
  };
  serve();
  Client client = connect();
  for (const int status : {204, 304}) {
    const Answer answer = client.ask(get(numbered(status)));
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.header("Content-Length"), std::nullopt);
  }
}

class HttpPipelineTest : public HttpTest, public ::testing::WithParamInterface<Pool> {};

TEST_P(HttpPipelineTest, AnswersInOrder) {
  application.pool = GetParam();
  serve();
  Client client = connect();
  constexpr int kRequests = 2'000;
  std::string all;
  for (int i = 0; i < kRequests; ++i) all += post(numbered(i), std::to_string(i));
  std::jthread sender([&] { client.send(all); });
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.receive().body, "POST " + numbered(i) + " [" + std::to_string(i) + "]");
  }
}

INSTANTIATE_TEST_SUITE_P(Pools, HttpPipelineTest,
                         ::testing::Values(Pool::kInline, Pool::kReader, Pool::kWriter));

TEST_F(HttpTest, LargeBodiesGoBothWays) {
  serve();
  const std::string body(options.limits.body_bytes, 'x');
  Client client = connect();
  for (int i = 0; i < 3; ++i) {
    std::jthread sender([&] { client.send(post("/", body)); });
    ASSERT_EQ(client.receive().body, "POST / [" + body + "]");
  }
}

TEST_F(HttpTest, ContinueIsSaidBeforeTheBodyComes) {
  serve();
  Client client = connect();
  for (const char* framing : {"Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"}) {
    client.send("POST /x HTTP/1.1\r\nHost: test\r\nExpect: 100-Continue\r\n" +
                std::string(framing) + "\r\n");
    EXPECT_EQ(client.receive(false).status, 100);
    client.send(framing[0] == 'C' ? "abc" : "3\r\nabc\r\n0\r\n\r\n");
    EXPECT_EQ(client.receive().body, "POST /x [abc]");
  }
}

// Which does not know it (RFC 9110 section 10.1.1), and would take it for the answer.
TEST_F(HttpTest, ContinueIsNotSaidInHttp10) {
  options.io_threads = 1;  // has read the head when it answers another one
  serve();
  Client client = connect();
  client.send("POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(connect().ask(get("/")).status, 200);
  client.send("abc");
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(HttpTest, WhoIsToldToGoOnAndDoesNotIsGivenUp) {
  options.limits.request_deadline = 100ms;
  serve();
  Client client = connect();
  client.send(
      "POST /x HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.receive(false).status, 100);
  EXPECT_EQ(client.receive().status, 408);
}

TEST_F(HttpTest, ContinueIsNotSaidWhenTheBodyIsThere) {
  serve();
  const Answer answer = connect().ask(
      "POST /x HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(answer.status, 200);
}

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

class Gate {
 public:
  void open() { promise_.set_value(); }
  void pass() { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

// Holds every request until the gate is opened.
std::function<Outcome(const Request&)> behind(Gate& gate) {
  return [&gate](const Request&) {
    gate.pass();
    return text("done");
  };
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

TEST_F(HttpTest, ClientThatClosesHalfItsConnectionIsAnswered) {
  options.io_threads = 1;
  Gate gate;
  application.on_handle = [&](const Request& request) {
    if (request.path == "/busy") gate.pass();
    return text("done");
  };
  serve();
  Client busy = connect();
  busy.send(get("/busy"));
  ASSERT_TRUE(eventually([&] { return application.handled == 1; }));
  // While the server is busy, request and end arrive together.
  Client client = connect();
  client.send(get("/"));
  client.finish_sending();
  gate.open();
  EXPECT_EQ(client.receive().body, "done");
  EXPECT_EQ(client.rest(), "");
}

class HttpFailureTest : public HttpTest, public ::testing::WithParamInterface<Pool> {};

TEST_P(HttpFailureTest, ThrowingHandlerIsAPlain500) {
  application.pool = GetParam();
  application.on_handle = [](const Request& request) -> Outcome {
    if (request.path == "/odd") throw 42;
    throw std::runtime_error("secret");
  };
  serve();
  Client client = connect();
  for (const char* path : {"/", "/odd"}) {
    const Answer answer = client.ask(get(path));
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, "internal_error");
    for (const Field& field : answer.headers)
      EXPECT_EQ(field.value.find("secret"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Pools, HttpFailureTest, ::testing::Values(Pool::kInline, Pool::kWriter));

TEST_F(HttpTest, ClientThatLeavesMidResponseIsForgotten) {
  application.on_handle = [](const Request&) { return text(std::string(8'000'000, 'x')); };
  serve();
  for (int i = 0; i < 4; ++i) {
    Client client(server->port(), 4'096);
    client.send(get("/"));
    ASSERT_TRUE(client.receive_some());
    i % 2 == 0 ? client.close() : client.reset();
  }
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
  EXPECT_EQ(server->stats().requests_in_flight, 0U);
}

TEST_F(HttpTest, ClientThatLeavesMidHandlingIsForgotten) {
  application.pool = Pool::kWriter;
  Gate gate;
  application.on_handle = behind(gate);
  serve();
  Client client = connect();
  client.send(get("/"));
  ASSERT_TRUE(eventually([&] { return application.handled == 1; }));
  client.reset();
  gate.open();
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
}

// What all epoll instances of this process wait for, as the kernel tells.
int watched_descriptors() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream info(entry.path());
    for (std::string line; std::getline(info, line);) count += line.starts_with("tfd:") ? 1 : 0;
  }
  return count;
}

// As while a child process starts: what then comes in would be told to a connection that is gone.
TEST_F(HttpTest, SocketThatAnotherProcessHoldsIsForgottenToo) {
  options.limits.idle_timeout = 2s;  // in which the steps below are done on any machine
  serve();
  EXPECT_EQ(connect().ask(get("/")).status, 200);  // so that the listener is watched
  ASSERT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
  const int none = watched_descriptors();
  Client held = connect();
  EXPECT_EQ(held.ask(get("/")).status, 200);
  EXPECT_EQ(watched_descriptors(), none + 1);
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(holder, 0);
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
  EXPECT_EQ(watched_descriptors(), none);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
}

TEST_F(HttpTest, ClientThatDoesNotReadIsGivenUp) {
  options.limits.write_deadline = 100ms;
  application.on_handle = [](const Request&) { return text(std::string(8'000'000, 'x')); };
  serve();
  Client client(server->port(), 4'096);
  client.send(get("/"));
  ASSERT_TRUE(eventually([&] { return server->stats().requests == 1; }));
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
}

TEST_F(HttpTest, PortInUseIsSaid) {
  serve();
  options.port = server->port();
  Server second(application, options);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, ::testing::HasSubstr("another program"));
}

TEST_F(HttpTest, AddressOfNobodyIsSaid) {
  options.address = "not an address";
  Server unborn(application, options);
  const auto started = unborn.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(HttpTest, ServesIpv6) {
  options.address = "::1";
  Server server6(application, options);
  ASSERT_TRUE(server6.start());
  EXPECT_GT(server6.port(), 0);
}

}  // namespace
}  // namespace citas::api::http

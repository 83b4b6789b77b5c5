// How connections live: keep-alive, pipelining, bodies and failures.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
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

// Responses of any size, made piece by piece.
#include <gmock/gmock.h>

#include <atomic>

#include "tests/unit/api/http_kit.h"

namespace citas::api::http {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

class HttpStreamTest : public HttpTest {
 protected:
  // Answers with `count` pieces of kPiece bytes, the first full of 'a', then 'b', and so on.
  void stream_pieces(int count) {
    application.on_handle = [this, count](const Request&) {
      Response response;
      response.headers.push_back({"Content-Type", "application/x-ndjson"});
      response.stream = [this, count, next = 0](std::string& piece) mutable -> Result<bool> {
        if (next == count) return false;
        piece.assign(kPiece, static_cast<char>('a' + next++ % 26));
        ++produced;
        return true;
      };
      return response;
    };
  }

  static std::string pieces(int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all.append(kPiece, static_cast<char>('a' + i % 26));
    return all;
  }

  std::atomic<int> produced{0};
};

TEST_F(HttpStreamTest, IsSentChunked) {
  stream_pieces(5);
  serve();
  Client client = connect();
  for (int i = 0; i < 2; ++i) {
    const Answer answer = client.ask(get("/"));
    EXPECT_EQ(answer.header("Transfer-Encoding"), "chunked");
    EXPECT_EQ(answer.header("Content-Length"), std::nullopt);
    EXPECT_EQ(answer.header("Content-Type"), "application/x-ndjson");
    EXPECT_TRUE(answer.body == pieces(5));
  }
}

TEST_F(HttpStreamTest, MayBeEmpty) {
  stream_pieces(0);
  serve();
  Client client = connect();
  EXPECT_EQ(client.ask(get("/")).body, "");
  EXPECT_EQ(client.ask(get("/")).status, 200);
}

TEST_F(HttpStreamTest, EmptyPieceDoesNotEndIt) {
  application.on_handle = [](const Request&) {
    Response response;
    response.stream = [next = 0](std::string& piece) mutable -> Result<bool> {
      if (next == 3) return false;
      piece = next++ == 1 ? "" : "x";
      return true;
    };
    return response;
  };
  serve();
  EXPECT_EQ(connect().ask(get("/")).body, "xx");
}

TEST_F(HttpStreamTest, Http10ReadsUntilTheEnd) {
  stream_pieces(3);
  serve();
  Client client = connect();
  const Answer answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer.header("Transfer-Encoding"), std::nullopt);
  EXPECT_EQ(answer.header("Content-Length"), std::nullopt);
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_TRUE(client.rest() == pieces(3));
}

TEST_F(HttpStreamTest, HeadProducesNothing) {
  stream_pieces(3);
  serve();
  Client client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_EQ(client.receive(false).header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(client.ask(get("/")).body.size(), 3 * kPiece);
  EXPECT_EQ(produced, 3);
}

TEST_F(HttpStreamTest, SlowReaderHoldsBackTheProducerAndNoThread) {
  constexpr int kMany = 300;
  options.reader_threads = 1;
  options.limits.write_deadline = 10min;  // The last of them is read when the others have ended.
  stream_pieces(kMany);
  serve();
  std::vector<Client> slow;
  for (int i = 0; i < 3; ++i) {
    slow.emplace_back(server->port(), 4'096);
    slow.back().send(get("/"));
    ASSERT_TRUE(slow.back().receive_some());
  }
  // The only reader thread still serves others, and what waits is bounded by kernel buffers.
  application.pool = Pool::kReader;
  const int before = produced;
  Client quick = connect();
  EXPECT_TRUE(quick.ask(get("/")).body == pieces(kMany));
  EXPECT_LT(before, 3 * kMany / 2);
  for (Client& client : slow) EXPECT_TRUE(client.receive().body == pieces(kMany));
}

TEST_F(HttpStreamTest, ReaderThatStopsIsGivenUp) {
  options.limits.write_deadline = 100ms;
  stream_pieces(1'000);
  serve();
  Client client(server->port(), 4'096);
  client.send(get("/"));
  ASSERT_TRUE(client.receive_some());
  EXPECT_TRUE(eventually([&] { return server->stats().connections_open == 0; }));
  EXPECT_LT(produced, 1'000);
}

TEST_F(HttpStreamTest, FailureBreaksTheBodyOff) {
  application.on_handle = [](const Request& request) {
    Response response;
    const bool throws = request.path == "/throw";
    response.stream = [throws, next = 0](std::string& piece) mutable -> Result<bool> {
      piece = "x";
      if (next++ == 0) return true;
      if (throws) throw std::runtime_error("secret");
      return failure(ErrorCode::kCorruption, "secret");
    };
    return response;
  };
  serve();
  for (const char* path : {"/fail", "/throw"}) {
    Client client = connect();
    client.send(get(path));
    const auto all = client.rest();
    ASSERT_TRUE(all);
    EXPECT_THAT(*all, ::testing::EndsWith("\r\n\r\n1\r\nx\r\n"));  // and no last chunk
  }
}

}  // namespace
}  // namespace citas::api::http

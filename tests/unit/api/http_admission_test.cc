// What the server lets through and what it refuses, byte for byte, over real sockets.
#include <gmock/gmock.h>

#include "api/http/chunked_decoder.h"
#include "tests/unit/api/http_kit.h"

namespace citas::api::http {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  int status;
};

void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

class HttpRefusalTest : public HttpTest, public ::testing::WithParamInterface<Case> {};

std::string with(std::string_view headers, std::string_view body = "") {
  return "POST /x HTTP/1.1\r\nHost: test\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

std::string line(std::string_view request_line) {
  return std::string(request_line) + "\r\nHost: test\r\n\r\n";
}

std::string many_headers(int count) {
  std::string headers;
  for (int i = 0; i < count; ++i) headers.append("X").append(std::to_string(i)).append(": 1\r\n");
  return headers;
}

std::string many_parameters(int count) {
  std::string query;
  for (int i = 0; i < count; ++i) query.append("a&");
  return query;
}

// Header lines that take so many bytes with `Host: test` and the empty line.
std::string header_bytes(std::size_t count) {
  constexpr std::string_view kOthers = "Host: test\r\nA: \r\n\r\n";
  return "A: " + std::string(count - kOthers.size(), 'a') + "\r\n";
}

TEST_P(HttpRefusalTest, IsAnsweredAndClosed) {
  serve();
  Client client = connect();
  const Answer answer = client.ask(GetParam().bytes);
  EXPECT_EQ(answer.status, GetParam().status) << answer.body;
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_EQ(client.rest(), "");
  EXPECT_EQ(application.handled, 0);
  EXPECT_EQ(server->stats().requests_refused, 1U);
}

TEST_P(HttpRefusalTest, IsAnsweredAlikeWhenItComesByteByByte) {
  serve();
  Client client = connect();
  for (const char byte : GetParam().bytes) client.send({&byte, 1});
  EXPECT_EQ(client.receive().status, GetParam().status);
  EXPECT_EQ(application.handled, 0);
}

const Case kFraming[] = {
    {"LengthAndChunked", with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
     400},
    {"TwoLengths", with("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400},
    {"ListedLengths", with("Content-Length: 1, 1\r\n", "a"), 400},
    {"NegativeLength", with("Content-Length: -1\r\n"), 400},
    {"SignedLength", with("Content-Length: +1\r\n", "a"), 400},
    {"HexLength", with("Content-Length: 0x1\r\n", "a"), 400},
    {"EmptyLength", with("Content-Length:\r\n"), 400},
    {"HugeLength", with("Content-Length: 18446744073709551617\r\n"), 400},
    {"TooLongBody", with("Content-Length: 1048577\r\n"), 413},
    {"TooLongBodyAnnounced", with("Content-Length: 1048577\r\nExpect: 100-continue\r\n"), 413},
    {"UnknownTransferCoding", with("Transfer-Encoding: xchunked\r\n"), 501},
    {"TwoTransferCodings", with("Transfer-Encoding: gzip, chunked\r\n"), 501},
    {"ChunkedTwice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"ChunkedInHttp10",
     "POST /x HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"ZippedBody", with("Content-Length: 1\r\nContent-Encoding: gzip\r\n", "a"), 415},
    {"OddExpectation", with("Content-Length: 1\r\nExpect: 200-ok\r\n", "a"), 417},
};

const Case kChunks[] = {
    {"NegativeChunk", with("Transfer-Encoding: chunked\r\n", "-2\r\nab\r\n0\r\n\r\n"), 400},
    {"PrefixedChunk", with("Transfer-Encoding: chunked\r\n", "0x2\r\nab\r\n0\r\n\r\n"), 400},
    {"SpacedChunk", with("Transfer-Encoding: chunked\r\n", " 2\r\nab\r\n0\r\n\r\n"), 400},
    {"EmptyChunkSize", with("Transfer-Encoding: chunked\r\n", "\r\nab\r\n0\r\n\r\n"), 400},
    {"OverflowingChunk", with("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n"), 400},
    {"TooLargeChunk", with("Transfer-Encoding: chunked\r\n", "100001\r\n"), 413},
    {"OverrunChunk", with("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"), 400},
    {"BareFeedInChunks", with("Transfer-Encoding: chunked\r\n", "2\nab\r\n0\r\n\r\n"), 400},
    {"LongChunkLine", with("Transfer-Encoding: chunked\r\n", "1;" + std::string(300, 'a')), 400},
    {"ControlInExtension", with("Transfer-Encoding: chunked\r\n", "1;a=\x01\r\n"), 400},
    {"BadTrailer", with("Transfer-Encoding: chunked\r\n", "0\r\nbad trailer\r\n\r\n"), 400},
    {"ManyTrailers", with("Transfer-Encoding: chunked\r\n", "0\r\n" + many_headers(900) + "\r\n"),
     431},
};

const Case kHeads[] = {
    {"BareFeed", "GET / HTTP/1.1\nHost: test\n\n", 400},
    {"BareFeedInHeaders", "GET / HTTP/1.1\r\nHost: test\n\r\n", 400},
    {"FoldedHeader", with("A: b\r\n c\r\n"), 400},
    {"NulInHeader", with(std::string("A: b\0c\r\n", 8)), 400},
    {"ControlInHeader", with("A: b\x01\r\n"), 400},
    {"ReturnInHeader", with("A: b\rc\r\n"), 400},
    {"SpaceBeforeColon", with("A : b\r\n"), 400},
    {"NoColon", with("A\r\n"), 400},
    {"EmptyName", with(": b\r\n"), 400},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"BadHost", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"EmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"LongRequestLine", line("GET /" + std::string(8'192, 'a') + " HTTP/1.1"), 414},
    {"EndlessRequestLine", "GET /" + std::string(9'000, 'a'), 414},
    {"ManyHeaders", with(many_headers(100)), 431},
    {"OneByteOfHeadersTooMany", with(header_bytes(16'385)), 431},
    {"LargeHeaders", with("A: " + std::string(16'384, 'a') + "\r\n"), 431},
};

const Case kRequestLines[] = {
    {"Http2", line("GET / HTTP/2.0"), 505},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"Http12", line("GET / HTTP/1.2"), 505},
    {"NoVersion", line("GET /"), 400},
    {"Garbage", "\x16\x03\x01\x02\r\n\r\n", 400},
    {"TwoSpaces", line("GET  / HTTP/1.1"), 400},
    {"LowerCaseVersion", line("GET / http/1.1"), 400},
    {"UnknownMethod", line("BREW /pot HTTP/1.1"), 501},
    {"Connect", line("CONNECT host:443 HTTP/1.1"), 501},
    {"StarForGet", line("GET * HTTP/1.1"), 400},
    {"Relative", line("GET x HTTP/1.1"), 400},
    {"OtherScheme", line("GET ftp://host/ HTTP/1.1"), 400},
    {"Fragment", line("GET /a#b HTTP/1.1"), 400},
    {"RawUtf8", line("GET /\xC3\xA9 HTTP/1.1"), 400},
    {"HalfEscape", line("GET /a%4 HTTP/1.1"), 400},
    {"BadEscape", line("GET /%zz HTTP/1.1"), 400},
    {"UnicodeEscape", line("GET /%u0041 HTTP/1.1"), 400},
    {"EscapedNul", line("GET /a%00 HTTP/1.1"), 400},
    {"EscapedNewline", line("GET /a%0d%0a HTTP/1.1"), 400},
    {"EscapedSlash", line("GET /a%2Fb HTTP/1.1"), 400},
    {"EscapedInvalidUtf8", line("GET /%ff HTTP/1.1"), 400},
    {"OverlongUtf8", line("GET /%c0%af HTTP/1.1"), 400},
    {"Surrogate", line("GET /%ed%a0%80 HTTP/1.1"), 400},
    {"NulInQuery", line("GET /?a=%00 HTTP/1.1"), 400},
    {"ManyParameters", line("GET /?" + many_parameters(101) + " HTTP/1.1"), 400},
    {"EscapedDelete", line("GET /a%7f HTTP/1.1"), 400},
    {"BeyondUnicode", line("GET /%f4%90%80%80 HTTP/1.1"), 400},
    {"BadEscapeInQuery", line("GET /?%=1 HTTP/1.1"), 400},
};

std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Framing, HttpRefusalTest, ::testing::ValuesIn(kFraming), case_name);
INSTANTIATE_TEST_SUITE_P(Chunks, HttpRefusalTest, ::testing::ValuesIn(kChunks), case_name);
INSTANTIATE_TEST_SUITE_P(Heads, HttpRefusalTest, ::testing::ValuesIn(kHeads), case_name);
INSTANTIATE_TEST_SUITE_P(RequestLines, HttpRefusalTest, ::testing::ValuesIn(kRequestLines),
                         case_name);

struct Accepted {
  const char* name;
  std::string bytes;
  std::string body;  // of the answer, see ScriptedApplication
};

void PrintTo(const Accepted& tested, std::ostream* out) { *out << tested.name; }

class HttpAdmissionTest : public HttpTest, public ::testing::WithParamInterface<Accepted> {};

TEST_P(HttpAdmissionTest, IsHandled) {
  serve();
  const Answer answer = connect().ask(GetParam().bytes);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, GetParam().body);
}

TEST_P(HttpAdmissionTest, IsHandledAlikeWhenItComesByteByByte) {
  serve();
  Client client = connect();
  for (const char byte : GetParam().bytes) client.send({&byte, 1});
  EXPECT_EQ(client.receive().body, GetParam().body);
}

std::string shown_parameters(int count) {
  std::string shown;
  for (int i = 0; i < count; ++i) shown.append(" ?a=");
  return shown;
}

const Accepted kAccepted[] = {
    {"Plain", line("GET /a/b HTTP/1.1"), "GET /a/b []"},
    {"Escapes", line("GET /%61%20%C3%A9 HTTP/1.1"), "GET /a \xC3\xA9 []"},
    {"Query", line("GET /a?x=1&x=1&b=a%2Fb+c&d&&=e?f HTTP/1.1"),
     "GET /a ?x=1 ?x=1 ?b=a/b c ?d= ?=e?f []"},
    {"AbsoluteForm", line("GET http://host:80/a?b=c HTTP/1.1"), "GET /a ?b=c []"},
    {"AbsoluteFormWithoutPath", line("GET http://host?b=c HTTP/1.1"), "GET / ?b=c []"},
    {"Star", line("OPTIONS * HTTP/1.1"), "OPTIONS * []"},
    {"LeadingEmptyLine", "\r\n" + line("GET /a HTTP/1.1"), "GET /a []"},
    {"Http10WithoutHost", "GET /a HTTP/1.0\r\n\r\n", "GET /a []"},
    {"ZeroLength", with("Content-Length: 0\r\n"), "POST /x []"},
    {"NoLength", with(""), "POST /x []"},
    {"Body", with("Content-Length: 3\r\n", "abc"), "POST /x [abc]"},
    {"IdentityCoding", with("Content-Encoding: identity\r\nContent-Length: 1\r\n", "a"),
     "POST /x [a]"},
    {"Chunks",
     with("Transfer-Encoding: Chunked\r\n", "2\r\nab\r\n00a;x=\"y\"\r\n0123456789\r\n0\r\n\r\n"),
     "POST /x [ab0123456789]"},
    {"Trailers", with("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nA: b\r\n\r\n"),
     "POST /x [a]"},
    {"ObsoleteText", with("A: \xE9\r\n"), "POST /x []"},
    {"MostHeaders", with(many_headers(99)), "POST /x []"},
    {"MostHeaderBytes", with(header_bytes(16'384)), "POST /x []"},
    {"MostParameters", line("GET /?" + many_parameters(100) + " HTTP/1.1"),
     "GET /" + shown_parameters(100) + " []"},
    {"LongestPath", line("GET /" + std::string(8'176, 'a') + " HTTP/1.1"),
     "GET /" + std::string(8'176, 'a') + " []"},
    {"RangeIsIgnored", with("Range: bytes=0-1\r\n"), "POST /x []"},
    {"AcceptEncodingIsIgnored", with("Accept-Encoding: gzip, br\r\n"), "POST /x []"},
};

INSTANTIATE_TEST_SUITE_P(All, HttpAdmissionTest, ::testing::ValuesIn(kAccepted),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(HttpTest, RequestCarriesRawHeadersAndTheRealPeer) {
  Request seen;
  application.on_handle = [&](const Request& request) {
    seen = request;
    return text("");
  };
  serve();
  Client client = connect();
  client.ask(
      "GET / HTTP/1.1\r\nhost: test\r\nA:  %0d%0a \r\na: 2\r\nREMOTE_ADDR: 10.0.0.1\r\n\r\n");
  EXPECT_EQ(*seen.headers.find("A"), "%0d%0a");
  EXPECT_EQ(seen.headers.joined("a"), "%0d%0a, 2");
  EXPECT_EQ(seen.headers.count("A"), 2U);
  EXPECT_EQ(seen.remote_addr, "127.0.0.1");
}

// Over a socket, single bytes may well arrive together.
TEST(ChunkedDecoderTest, BoundsALineThatComesByteByByte) {
  const Limits limits{.chunk_line_bytes = 8};
  ChunkedDecoder decoder(limits);
  std::string body;
  for (int i = 0; i < 8; ++i) {
    std::string_view byte{i == 1 ? ";" : "1"};
    EXPECT_EQ(decoder.consume(byte, body), false) << i;
  }
  std::string_view more{"1"};
  const auto refused = decoder.consume(more, body);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 400);
}

TEST_F(HttpTest, ChunksAreBoundedTogether) {
  options.limits.body_bytes = 5;
  serve();
  constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(connect().ask(with(kChunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")).body,
            "POST /x [abcde]");
  EXPECT_EQ(connect().ask(with(kChunked, "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")).status, 413);
}

TEST_F(HttpTest, RefusalKnowsTheClientsHeaders) {
  serve();
  const Answer answer = connect().ask("BREW / HTTP/1.1\r\nHost: test\r\nRequest-Id: r1\r\n\r\n");
  EXPECT_EQ(answer.header("Request-Id"), "r1");
}

TEST_F(HttpTest, ResponseHeadersCannotBeSplit) {
  application.on_handle = [](const Request&) {
    Response response = text("");
    response.headers.push_back({"A", "b\r\nInjected: yes"});
    return response;
  };
  serve();
  EXPECT_EQ(connect().ask(get("/")).header("Injected"), std::nullopt);
}

}  // namespace
}  // namespace citas::api::http

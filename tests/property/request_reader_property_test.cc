// Whatever bytes come, and however the network cuts them into parts, the same requests are read
// from them: a reader that could be talked out of that would let requests be smuggled.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/request_reader.h"

namespace citas::api::http {
namespace {

using Progress = RequestReader::Progress;

// What requests are made of, correct and not.
const std::vector<std::string> kFragments{
    "GET / HTTP/1.1\r\n",
    "POST /a?b=%41 HTTP/1.1\r\n",
    "GET http://h/x HTTP/1.0\r\n",
    "Host: h\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "X: y\r\n",
    "X:\ty \r\n",
    "\r\n",
    "\n",
    "\r",
    " ",
    ":",
    std::string(1, '\0'),
    "abc",
    "3\r\nabc\r\n",
    "3;x=\"y\"\r\nabc\r\n",
    "0x3\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "-1\r\n",
    "FFFFFFFFFFFFFFFFF\r\n",
};

// What lets a sequence get further than its first request.
const std::vector<std::string> kBeginnings{
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
};

rc::Gen<std::string> any_fragment() {
  return rc::gen::weightedOneOf<std::string>(
      {{2, rc::gen::elementOf(kFragments)}, {1, rc::gen::elementOf(kBeginnings)}});
}

constexpr int kRounds = 20;

// Few, so that they are met.
Limits small_limits() {
  Limits limits;
  limits.request_line_bytes = 64;
  limits.header_bytes = 128;
  limits.header_count = 4;
  limits.body_bytes = 8;
  limits.chunk_line_bytes = 16;
  limits.trailer_bytes = 16;
  return limits;
}

std::string describe(const Request& request) {
  std::string all = request.method + ' ' + request.path;
  for (const Field& field : request.query) all += '?' + field.name + '=' + field.value;
  for (const Field& field : request.headers.fields()) all += '\n' + field.name + ':' + field.value;
  return all + "\n[" + request.body + ']';
}

// Everything that is read from a connection, as one that serves it would.
class Connection {
 public:
  // False once nothing more may be read from it.
  bool receive(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t before = bytes.size();
      const Progress progress = reader_->consume(bytes);
      RC_ASSERT(bytes.size() <= before);
      RC_ASSERT(request_->body.size() <= limits_.body_bytes);
      if (progress == Progress::kRefused) {
        read_.push_back(
            "refused");  // for what comes first: which limit that is depends on the parts
        return false;
      }
      if (progress == Progress::kComplete) end_request();
    }
    return true;
  }

  const std::vector<std::string>& read() const { return read_; }

 private:
  void end_request() {
    read_.push_back(describe(*request_));
    begin();
  }
  void begin() {
    request_ = std::make_unique<Request>();
    reader_ = std::make_unique<RequestReader>(limits_, *request_);
  }

  const Limits limits_ = small_limits();
  std::unique_ptr<Request> request_ = std::make_unique<Request>();
  std::unique_ptr<RequestReader> reader_ = std::make_unique<RequestReader>(limits_, *request_);
  std::vector<std::string> read_;
};

std::vector<std::string> read_whole(std::string_view bytes) {
  Connection connection;
  connection.receive(bytes);
  return connection.read();
}

std::vector<std::string> read_in_parts(std::string_view bytes, std::vector<std::size_t> sizes) {
  Connection connection;
  for (std::size_t part = 0; !bytes.empty(); ++part) {
    const std::size_t size = sizes.empty() ? 1 : 1 + sizes[part % sizes.size()];
    if (!connection.receive(bytes.substr(0, size))) break;
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return connection.read();
}

std::string joined(const std::vector<std::string>& fragments) {
  std::string all;
  for (const std::string& fragment : fragments) all += fragment;
  return all;
}

void check_parts() {
  const auto fragments = *rc::gen::container<std::vector<std::string>>(any_fragment());
  const auto sizes = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange(0, 40));
  const std::string bytes = joined(fragments);
  const auto whole = read_whole(bytes);
  RC_CLASSIFY(whole.size() > 1, "several requests");
  RC_ASSERT(read_in_parts(bytes, sizes) == whole);
  RC_ASSERT(read_in_parts(bytes, {}) == whole);
}

TEST(RequestReaderProperty, PartsReadLikeTheWhole) {
  for (int round = 0; round < kRounds; ++round) ASSERT_TRUE(rc::check(check_parts));
}

}  // namespace
}  // namespace citas::api::http

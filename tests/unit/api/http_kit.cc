#include "tests/unit/api/http_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <thread>

namespace citas::api::http {
namespace {

bool await(int fd, short events) {
  pollfd wanted{fd, events, 0};
  return ::poll(&wanted, 1, static_cast<int>(kPatience.count())) == 1;
}

std::string dump(const Request& request) {
  std::string all = request.method + " " + request.path;
  for (const Field& field : request.query) all += " ?" + field.name + "=" + field.value;
  return all + " [" + request.body + "]";
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

Response text(std::string body, int status) {
  Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "text/plain"});
  response.body = std::move(body);
  return response;
}

Outcome ScriptedApplication::handle(const Request& request) {
  ++handled;
  return on_handle ? on_handle(request) : text(dump(request));
}

Response ScriptedApplication::refuse(const Refusal& refusal, const Request& request) {
  Response response = text(std::string(refusal.code), refusal.status);
  const std::string* id = request.headers.find("Request-Id");
  if (id != nullptr) response.headers.push_back({"Request-Id", *id});
  if (refusal.status == 503) response.headers.push_back({"Retry-After", "7"});
  return response;
}

void ScriptedApplication::on_response(const Request&, const Response&, std::chrono::nanoseconds) {
  ++responses;
}

std::optional<std::string> Answer::header(std::string_view name) const {
  for (const Field& field : headers) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string> Answer::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const Field& field : headers) {
    if (equals_ignoring_case(field.name, name)) values.push_back(field.value);
  }
  return values;
}

Client::Client(std::uint16_t port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer > 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Client::finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }

bool Client::receive_some() {
  if (!await(socket_.get(), POLLIN)) {
    ADD_FAILURE() << "the server sends nothing";
    return false;
  }
  std::array<char, 65'536> buffer;
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

std::string Client::take_line() {
  std::size_t end = received_.find("\r\n");
  while (end == std::string::npos) {
    if (!receive_some()) return {};
    end = received_.find("\r\n");
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

std::string Client::take(std::size_t bytes) {
  while (received_.size() < bytes && receive_some()) {
  }
  std::string taken = received_.substr(0, bytes);
  received_.erase(0, bytes);
  return taken;
}

std::string Client::take_chunks() {
  std::string body;
  while (true) {
    const std::size_t size = std::strtoul(take_line().c_str(), nullptr, 16);
    body += take(size);
    EXPECT_EQ(take_line(), "");
    if (size == 0) return body;
  }
}

Answer Client::receive(bool has_body) {
  Answer answer;
  const std::string status = take_line();
  if (status.size() < 12) return answer;
  answer.status = std::stoi(status.substr(9, 3));
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const std::size_t colon = line.find(": ");
    answer.headers.push_back({line.substr(0, colon), line.substr(colon + 2)});
  }
  if (!has_body) return answer;
  const auto length = answer.header("Content-Length");
  if (length) answer.body = take(std::stoul(*length));
  if (answer.header("Transfer-Encoding")) answer.body = take_chunks();
  return answer;
}

std::optional<std::string> Client::rest() {
  while (receive_some()) {
  }
  if (::testing::Test::HasFailure()) return std::nullopt;
  return std::exchange(received_, {});
}

void Client::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  socket_ = Descriptor();
}

std::function<Outcome(const Request&)> behind(Gate& gate) {
  return [&gate](const Request&) {
    gate.pass();
    return text("done");
  };
}

void HttpTest::serve() {
  server = std::make_unique<Server>(application, options);
  const auto started = server->start();
  ASSERT_TRUE(started) << started.error().message;
}

}  // namespace citas::api::http

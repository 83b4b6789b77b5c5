// How a connection goes from bytes to requests to responses: the second half of EventLoop.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "api/http/event_loop.h"

namespace citas::api::http {
namespace {

// Receives and requests that one connection gets before the others' turn. Requests count too: one
// receive may bring a thousand, and what many connections have in one turn, everybody waits for.
constexpr int kShare = 16;

bool takes_requests(Phase phase) {
  return phase == Phase::kIdle || phase == Phase::kHead || phase == Phase::kBody;
}

Refusal queue_full() { return {503, "overloaded", "too many requests wait already; try again"}; }

// Carries a deferred request until it is answered.
class DeferredExchange final : public Completion::Sink {
 public:
  DeferredExchange(std::shared_ptr<Inbox> inbox, Connection* connection,
                   std::unique_ptr<Exchange> exchange)
      : inbox_(std::move(inbox)), connection_(connection), exchange_(std::move(exchange)) {}

  ~DeferredExchange() override {
    complete([]() -> Response { throw std::logic_error("nobody answered a deferred request"); });
  }

  void complete(std::function<Response()> render) override {
    if (completed_.exchange(true)) return;
    inbox_->post(Return{connection_, std::move(exchange_), std::move(render)});
  }

 private:
  std::shared_ptr<Inbox> inbox_;
  Connection* connection_;
  std::unique_ptr<Exchange> exchange_;
  std::atomic<bool> completed_{false};
};

}  // namespace

// One that waits for its next turn gets no other before it.
void EventLoop::read_on(Connection& connection) {
  if (!connection.waits_for_turn) take_turn(connection);
}

// Goes on as long as there is something to read and the connection is ready for it.
void EventLoop::take_turn(Connection& connection) {
  int share = kShare;
  while (takes_requests(connection.phase) || connection.phase == Phase::kDiscarding) {
    if (connection.pending.empty() && !connection.readable) return;
    if (share <= 0) {
      wait_for_turn(connection);
      return;
    }
    --share;
    if (connection.pending.empty()) {
      receive(connection, share);
    } else {
      const std::string bytes = std::exchange(connection.pending, {});
      feed(connection, bytes, share);
    }
  }
}

void EventLoop::wait_for_turn(Connection& connection) {
  if (!std::exchange(connection.waits_for_turn, true)) again_.push_back(&connection);
}

void EventLoop::receive(Connection& connection, int& share) {
  const ssize_t size = ::recv(connection.socket.get(), received_.data(), received_.size(), 0);
  if (size < 0) {
    connection.readable = errno == EINTR;
    if (errno != EINTR && errno != EAGAIN) close(connection);
    return;
  }
  const auto bytes = static_cast<std::size_t>(size);
  if (bytes == 0) {
    close(connection);
    return;
  }
  // Less than asked for was all there is, and more will be an event; but the end of the stream
  // may have been announced together with this.
  if (bytes < received_.size() && !connection.peer_done) connection.readable = false;
  if (connection.phase == Phase::kDiscarding) {
    discard(connection, bytes);
  } else {
    feed(connection, {received_.data(), bytes}, share);
  }
}

// Whatever `share` does not suffice for stays pending.
void EventLoop::feed(Connection& connection, std::string_view bytes, int& share) {
  while (!bytes.empty() && takes_requests(connection.phase) && share >= 0) {
    if (!connection.exchange) begin(connection);
    const RequestReader::Progress made = connection.exchange->reader.consume(bytes);
    if (made == RequestReader::Progress::kComplete) --share;
    if (connection.exchange->body.grow_to(connection.exchange->request.body.size())) {
      progress(connection, made);
    } else {
      refuse(connection, queue_full(), true);
    }
  }
  const bool wanted = connection.phase != Phase::kClosed && !connection.discard;
  if (!bytes.empty() && wanted) connection.pending.assign(bytes);
}

void EventLoop::begin(Connection& connection) {
  connection.exchange = std::make_unique<Exchange>(limits_, core_.bodies);
  connection.exchange->begun = now_;
  connection.exchange->request.remote_addr = connection.remote_addr;
}

void EventLoop::progress(Connection& connection, RequestReader::Progress progress) {
  const Instant begun = connection.exchange->begun;
  switch (progress) {
    case RequestReader::Progress::kHead:
      if (!connection.exchange->reader.has_begun()) return stay_idle(connection);
      if (connection.phase == Phase::kHead) return;
      connections_.move(connection, Phase::kHead, begun + limits_.head_deadline);
      return;
    case RequestReader::Progress::kContinue:
      say_continue(connection);
      return;
    case RequestReader::Progress::kBody:
      if (connection.phase == Phase::kBody) return;
      connections_.move(connection, Phase::kBody, begun + limits_.request_deadline);
      return;
    case RequestReader::Progress::kComplete:
      handle(connection);
      return;
    case RequestReader::Progress::kRefused:
      refuse(connection, connection.exchange->reader.refusal(), true);
      return;
  }
}

// An empty line behind a body is not a request that is late.
void EventLoop::stay_idle(Connection& connection) {
  connection.exchange.reset();
  if (connection.phase == Phase::kIdle) return;
  connections_.move(connection, Phase::kIdle, now_ + limits_.idle_timeout);
}

// All responses before this one have left, so the few bytes find room, or the peer is not reading.
void EventLoop::say_continue(Connection& connection) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  const ssize_t sent =
      ::send(connection.socket.get(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(kContinue.size())) {
    close(connection);
    return;
  }
  connections_.move(connection, Phase::kBody,
                    connection.exchange->begun + limits_.request_deadline);
}

void EventLoop::handle(Connection& connection) {
  LoopStats::count(stats_.requests, 1);
  LoopStats::count(stats_.in_flight, 1);
  connection.in_flight = true;
  connection.exchange->received = now_;
  connection.exchange->close = !connection.exchange->reader.head().keep_alive;
  run_handler(connection);
}

void EventLoop::run_handler(Connection& connection) {
  const Request& request = connection.exchange->request;
  const Pool pool = core_.application.classify(request);
  if (pool == Pool::kInline) {
    core_.transcriber.handle(*connection.exchange);
    settle(connection);
  } else if (!submit(connection, pool == Pool::kReader ? core_.readers : core_.writers)) {
    refuse(connection, queue_full(), false);
  }
}

// False leaves everything as it was.
bool EventLoop::submit(Connection& connection, WorkPool& pool) {
  Job job{&connection, std::move(connection.exchange), inbox_.get()};
  if (!pool.submit(job)) {
    connection.exchange = std::move(job.exchange);
    return false;
  }
  connections_.move(connection, Phase::kHandling, kNever);
  return true;
}

void EventLoop::refuse(Connection& connection, const Refusal& refusal, bool close) {
  LoopStats::count(stats_.refused, 1);
  connection.exchange->close = connection.exchange->close || close;
  connection.discard = close;
  core_.transcriber.refuse(*connection.exchange, refusal);
  flush(connection);
}

// The handler has spoken.
void EventLoop::settle(Connection& connection) {
  if (connection.exchange->deferred) {
    defer(connection);
  } else if (connection.exchange->park) {
    park(connection);
  } else {
    flush(connection);
  }
}

// Should `start` throw, the Completion goes unused, and that answers the request.
void EventLoop::defer(Connection& connection) {
  const Deferred start = std::exchange(connection.exchange->deferred, nullptr);
  connections_.move(connection, Phase::kHandling, kNever);
  try {
    start(Completion(
        std::make_shared<DeferredExchange>(inbox_, &connection, std::move(connection.exchange))));
  } catch (...) {
  }
}

void EventLoop::flush(Connection& connection) {
  const std::string& wire = connection.exchange->wire;
  while (connection.sent < wire.size()) {
    const ssize_t size = ::send(connection.socket.get(), wire.data() + connection.sent,
                                wire.size() - connection.sent, MSG_NOSIGNAL);
    if (size >= 0) {
      connection.sent += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN) {
      if (connection.phase == Phase::kWriting) return;
      connections_.move(connection, Phase::kWriting, now_ + limits_.write_deadline);
      return;
    } else if (errno != EINTR) {
      connections_.move(connection, Phase::kWriting, now_);
      close(connection);
      return;
    }
  }
  after_flush(connection);
}

void EventLoop::after_flush(Connection& connection) {
  Exchange& exchange = *connection.exchange;
  exchange.wire.clear();
  connection.sent = 0;
  if (exchange.stream) {
    // A refused piece cannot be told to a client that is in the middle of a body.
    if (!submit(connection, core_.readers)) close(connection);
  } else if (exchange.broken) {
    close(connection);
  } else {
    finish(connection);
  }
}

void EventLoop::finish(Connection& connection) {
  answered(connection);
  const bool closing = connection.exchange->close;
  connection.exchange.reset();
  if (!closing) {
    connections_.move(connection, Phase::kIdle, now_ + limits_.idle_timeout);
    return;
  }
  // Closing with bytes unread, or on their way, would reset the connection, and the client might
  // lose even this response (RFC 9112 section 9.6).
  ::shutdown(connection.socket.get(), SHUT_WR);
  connection.discard = true;
  connection.pending = {};
  connections_.move(
      connection, Phase::kDiscarding,
      now_ + (core_.draining ? limits_.drain_discard_deadline : limits_.discard_deadline));
}

void EventLoop::answered(Connection& connection) {
  if (std::exchange(connection.in_flight, false)) LoopStats::count(stats_.in_flight, -1);
}

void EventLoop::discard(Connection& connection, std::size_t bytes) {
  connection.discarded += bytes;
  if (connection.discarded > limits_.discard_bytes) close(connection);
}

// Closing alone does not end the events of a socket that another process holds too: the child of a
// fork, until it has become another program. They would point to a connection that is gone.
void EventLoop::forget(Connection& connection) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.socket.get(), nullptr);
  connection.socket = Descriptor();
}

// A connection whose exchange is away is only marked: take_back() closes it.
void EventLoop::close(Connection& connection) {
  if (connection.phase == Phase::kClosed) return;
  if (connection.phase == Phase::kHandling && !connection.exchange) {
    connection.broken = true;
    return;
  }
  if (connection.phase == Phase::kParked) unpark(connection);
  if (connection.waits_for_turn) std::erase(again_, &connection);
  answered(connection);
  connection.exchange.reset();
  forget(connection);
  connections_.move(connection, Phase::kClosed, kNever);
  core_.connection_closed();
}

}  // namespace citas::api::http

// The HTTP/1.1 server: cpp-httplib answers, epoll drives it, and nothing reaches either unchecked.
//
// A few threads own the connections, each its share for good, and read, check and write; none of
// them ever blocks. Handlers run where Application::classify says. Connections that wait (idle,
// parked, deferred, or for a slow peer) hold no thread, and idle ones no buffer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/limits.h"
#include "api/http/message.h"
#include "events/base/result.h"

namespace citas::api::http {

// Where a request is handled.
enum class Pool {
  kInline,  // on the connection's own thread: only what never blocks and takes microseconds
  kReader,  // few threads: may wait for a disk
  kWriter,  // many threads: may block until a commit is durable
};

// What a server serves. All methods are called by several threads at once. What they throw is
// answered with a plain 500.
class Application {
 public:
  virtual ~Application() = default;

  virtual Pool classify(const Request& request) const noexcept = 0;
  virtual Outcome handle(const Request& request) = 0;
  // Says in the application's terms why the server refused a request. The request holds what was
  // understood of it, which may be nothing. Called on any thread of the server; must not block.
  virtual Response refuse(const Refusal& refusal, const Request& request) = 0;
  // Told of every response; `duration` runs from the whole request received until the response is
  // ready to be sent.
  virtual void on_response(const Request& request, const Response& response,
                           std::chrono::nanoseconds duration) = 0;
};

struct Options {
  std::string address = "127.0.0.1";  // numeric, IPv4 or IPv6
  std::uint16_t port = 0;             // 0: any free one, see Server::port()
  int backlog = 4096;
  // One more takes the place of the one that has been idle longest, or is answered 503 and closed.
  std::size_t max_connections = 16'384;
  // Files that the rest of the process may need: connections leave these to it, or half of a limit
  // that is lower than twice as many, however few they then are.
  std::size_t other_files = 1'024;

  std::size_t io_threads = 2;
  std::size_t reader_threads = 4;
  std::size_t writer_threads = 64;
  // Requests waiting for a thread of their pool; one more is answered 503 with Retry-After.
  std::size_t reader_queue = 16'384;
  std::size_t writer_queue = 16'384;
  // Of all requests being received, waiting or handled, without the first 4 KiB of each, for which
  // there is always room; one more body is answered likewise.
  std::size_t buffered_body_bytes = 256 * 1024 * 1024;

  Limits limits;
};

// A moment's view; the numbers are not from one instant.
struct Stats {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_rejected = 0;  // over max_connections, or out of descriptors
  std::uint64_t connections_parked = 0;
  std::uint64_t requests = 0;            // whole ones received
  std::uint64_t requests_in_flight = 0;  // received and not yet answered
  std::uint64_t requests_refused = 0;    // by the server itself, queues and deadlines included
};

// Thread-safe, apart from start() and stop().
class Server {
 public:
  // `application` is borrowed and must outlive the server.
  Server(Application& application, const Options& options);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds, and serves from then on. Raises the process's limit of open files as far as it may.
  // kUnavailable when the address is in use, kInvalidArgument when it is none of this machine's.
  Status start();
  std::uint16_t port() const;

  // Something of `feed` has become visible up to `position`: wakes what is parked for it. Never
  // blocks, and costs a few atomic operations when nothing waits.
  void advance(std::size_t feed, std::uint64_t position);

  // Runs `answer`, which completes many deferred requests: the threads that send the responses are
  // woken once, after it, instead of for each. Short; `answer` must not throw.
  void answer_together(const std::function<void()>& answer);

  // Stops accepting, answers what was received, with "Connection: close", and closes idle
  // connections. True when all are gone in time. Then call stop().
  bool drain(std::chrono::milliseconds deadline);

  // Breaks off what remains and waits for running handlers to return.
  void stop();

  Stats stats() const;
  // How many connections there may be, with the limit of open files taken into account.
  std::size_t max_connections() const;
  // How many turns each thread that owns connections has taken. Asks them for one more, which an
  // idle one takes at once, and one that hangs in a handler does not.
  std::vector<std::uint64_t> turns();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace citas::api::http

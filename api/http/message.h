// Requests and responses as the server and its application exchange them.
//
// A Request reaches the application only after every check of request_reader.h; all of it is owned
// data. Values, not thread-safe by themselves; the server never lets two threads see one at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "events/base/result.h"

namespace citas::api::http {

struct Field {
  std::string name;
  std::string value;

  friend bool operator==(const Field&, const Field&) = default;
};

// Header fields in the order in which they were sent. Names compare without case, values are
// exactly as sent: not percent-decoded, outer white space removed.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.push_back({std::move(name), std::move(value)});
  }
  // The first value under this name, or nullptr. Valid until the next change.
  const std::string* find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  // All values under this name, joined by ", " as RFC 9110 section 5.3 defines it.
  std::string joined(std::string_view name) const;

  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// ASCII only, as header names and tokens compare.
bool equals_ignoring_case(std::string_view left, std::string_view right);

struct Request {
  std::string method;
  std::string path;          // percent-decoded UTF-8 without control characters
  std::vector<Field> query;  // decoded likewise, in order, repetitions kept
  Headers headers;
  std::string body;
  std::string remote_addr;        // the peer's numeric address, whatever headers claim
  bool parked_timed_out = false;  // see Park
};

// Fills `piece` with the next part of a body; false when there is none. An empty part sends
// nothing: it gives the thread to others where the next bytes take long to find. A failure breaks
// the connection off, so that the client sees that the body is not complete. Never called by two
// threads at once, but by different ones; the next call comes only after the peer took the piece.
using PieceProducer = std::function<Result<bool>(std::string& piece)>;

struct Response {
  int status = 200;
  std::vector<Field> headers;
  std::string body;
  PieceProducer stream;    // when set, the body is what it produces, of any size; `body` is unused
  std::string_view route;  // label for metrics: a pattern of ours, of static storage
  std::string cause;       // of a failure, for Application::on_response(): never sent
};

// Numbers of what Server::advance() tells of, each with a position of its own.
inline constexpr std::size_t kFeeds = 4;

// Answer for "not yet": the request waits, holding no thread, until Server::advance() has reached
// `position` of `feed`, and is then handled again. After `timeout` (counted from the first time
// that this request was parked) it is handled again with parked_timed_out set, and must be
// answered.
struct Park {
  std::uint64_t position;
  std::chrono::milliseconds timeout;
  std::size_t feed = 0;  // below kFeeds
};

class Completion;

// Answer for "somebody will tell you": called once, at once, with the means to answer, on a thread
// of the server that it must not block.
using Deferred = std::function<void(Completion)>;

using Outcome = std::variant<Response, Park, Deferred>;

// Answers a deferred request, once, from any thread; copies answer the same request. When the last
// copy goes without having answered, the request is answered as failed.
class Completion {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void complete(std::function<Response()> render) = 0;
  };

  explicit Completion(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}

  // Never blocks. `render` is run on a thread of the server and must not block either. Only the
  // first call counts.
  void complete(std::function<Response()> render) const { sink_->complete(std::move(render)); }

 private:
  std::shared_ptr<Sink> sink_;
};

// Why the server itself refused a request.
struct Refusal {
  int status;
  std::string_view code;  // stable snake_case word, static
  std::string detail;     // for people; quotes nothing that the client sent
};

}  // namespace citas::api::http

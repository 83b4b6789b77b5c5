#include "api/http/transcriber.h"

#include <httplib.h>

#include <array>
#include <charconv>
#include <ctime>
#include <exception>

namespace citas::api::http {
namespace {

// cpp-httplib announces this; it does not count.
constexpr std::size_t kAnnouncedRequests = 1'000'000;

constexpr Refusal internal_error() {
  return {500, "internal_error", "the server failed to handle this request"};
}

// The Date field (RFC 9110 section 6.6.1), written once a second.
const std::string& http_date() {
  thread_local std::time_t written = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != written) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::array<char, 32> buffer{};
    const std::size_t size =
        std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    text.assign(buffer.data(), size);
    written = now;
  }
  return text;
}

constexpr std::string_view kContentType = "Content-Type";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
// What the lines of a head take beyond what the application puts into them.
constexpr std::size_t kHeadBytes = 512;

bool is_one_line(std::string_view text) {
  return text.find('\r') == text.npos && text.find('\n') == text.npos;
}

void append_field(std::string& to, std::string_view name, std::string_view value) {
  // As cpp-httplib does it: what would break out of its line is left out.
  if (!is_one_line(name) || !is_one_line(value)) return;
  to.append(name).append(": ").append(value).append(kLineEnd);
}

// The fields that cpp-httplib has no say in. It would format each of them by itself, which takes
// longer than all the rest of a short read.
void append_own_fields(std::string& head, const Response& response) {
  append_field(head, "Date", http_date());
  for (const Field& field : response.headers) {
    if (!equals_ignoring_case(field.name, kContentType)) {
      append_field(head, field.name, field.value);
    }
  }
}

// A whole request in memory, and room for its response; adds the application's fields to the head
// that cpp-httplib writes.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string_view input, std::string& output, const Response& response)
      : input_(input), output_(output), response_(response) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::string_view part = input_.substr(0, size);
    part.copy(to, part.size());
    input_.remove_prefix(part.size());
    return static_cast<ssize_t>(part.size());
  }
  ssize_t write(const char* from, std::size_t size) override {
    output_.append(from, size);
    if (!head_is_done_ && std::string_view(output_).ends_with(kHeadEnd)) end_head();
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    get_remote_ip_and_port(ip, port);
  }
  socket_t socket() const override { return 0; }  // below FD_SETSIZE, as cpp-httplib demands

 private:
  void end_head() {
    output_.resize(output_.size() - kLineEnd.size());
    append_own_fields(output_, response_);
    output_.append(kLineEnd);
    head_is_done_ = true;
  }

  std::string_view input_;
  std::string& output_;
  const Response& response_;
  bool head_is_done_ = false;
};

// The request line, or what will get the same answer where none was understood.
std::string canonical_head(const Exchange& exchange) {
  const RequestHead& head = exchange.reader.head();
  const std::string& method = exchange.request.method;
  const bool understood = !head.target_path.empty();
  std::string text;
  text.reserve(head.target_path.size() + 40);
  text += understood || method == "HEAD" ? method : "GET";
  text += ' ';
  text += understood ? head.target_path : "/";
  text += head.http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  text += exchange.close ? "Connection: close\r\n\r\n" : "\r\n";
  return text;
}

// What cpp-httplib cannot carry through process_request() to the handlers that it calls there.
struct Run {
  Exchange& exchange;
  Response& response;
};

thread_local Run* current_run = nullptr;

}  // namespace

class Transcriber::Engine : public httplib::Server {
 public:
  Engine(std::chrono::milliseconds idle_timeout, const std::atomic<bool>& draining)
      : draining_(draining) {
    set_keep_alive_max_count(kAnnouncedRequests);
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(idle_timeout).count());
    set_pre_routing_handler([](const httplib::Request&, httplib::Response& response) {
      fill(*current_run, response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      complete_headers(*current_run, response);
    });
  }

  // Writes `response` as cpp-httplib answers a request like exchange.request with it.
  void transcribe(Exchange& exchange, Response response) {
    const std::string head = canonical_head(exchange);
    exchange.wire.reserve(kHeadBytes + response.body.size());
    MemoryStream stream(head, exchange.wire, response);
    Run run{exchange, response};
    current_run = &run;
    bool closed = false;
    process_request(stream, exchange.close, closed, nullptr);
    current_run = nullptr;
  }

 private:
  static void fill(Run& run, httplib::Response& to) {
    to.status = run.response.status;
    for (const Field& field : run.response.headers) {
      if (equals_ignoring_case(field.name, kContentType)) to.set_header(field.name, field.value);
    }
    if (run.response.stream) {
      frame_stream(run, to);
    } else {
      to.body = std::move(run.response.body);
    }
  }

  static void frame_stream(Run& run, httplib::Response& to) {
    Exchange& exchange = run.exchange;
    exchange.chunked = !exchange.reader.head().http_1_0;
    if (exchange.chunked) {
      to.set_header("Transfer-Encoding", "chunked");
    } else {
      exchange.close = true;  // all that tells an HTTP/1.0 client where the body ends
    }
    if (exchange.request.method != "HEAD") exchange.stream = run.response.stream;
  }

  // Called when cpp-httplib has added its own fields: puts right what does not fit.
  void complete_headers(const Run& run, httplib::Response& response) const {
    Exchange& exchange = run.exchange;
    if (run.response.stream || response.status == 204 || response.status == 304) {
      response.headers.erase("Content-Length");
    }
    if (exchange.request.method == "HEAD") response.headers.erase("Accept-Ranges");
    if (draining_.load(std::memory_order_relaxed)) exchange.close = true;
    if (exchange.close) {
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    } else if (exchange.reader.head().http_1_0) {
      response.set_header("Connection", "keep-alive");
    }
  }

  const std::atomic<bool>& draining_;
};

namespace {

Response refusal_in_words(Application& application, const Refusal& refusal,
                          const Request& request) {
  try {
    return application.refuse(refusal, request);
  } catch (...) {
    return Response{.status = refusal.status};
  }
}

// What `make` returns, or a plain 500 where it throws.
template <typename Answer>
Answer guarded(Application& application, const Request& request,
               const std::function<Answer()>& make) {
  try {
    return make();
  } catch (...) {
    return refusal_in_words(application, internal_error(), request);
  }
}

void report(Application& application, const Exchange& exchange, const Response& response) {
  const auto taken = exchange.received == Instant{}
                         ? std::chrono::nanoseconds{0}
                         : std::chrono::steady_clock::now() - exchange.received;
  try {
    application.on_response(exchange.request, response, taken);
  } catch (...) {  // what was done for the client is not undone because counting it failed
  }
}

// Appends `piece` as one chunk (RFC 9112 section 7.1); an empty one would end the body.
void append_chunk(std::string& wire, std::string_view piece) {
  if (piece.empty()) return;
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16);
  wire.append(digits.data(), end.ptr).append("\r\n").append(piece).append("\r\n");
}

Result<bool> produce(const PieceProducer& stream, std::string& piece) {
  try {
    return stream(piece);
  } catch (...) {
    return failure(ErrorCode::kUnknownOutcome, "a response stream failed");
  }
}

}  // namespace

Transcriber::Transcriber(Application& application, const Options& options,
                         const std::atomic<bool>& draining)
    : application_(application),
      options_(options),
      engine_(std::make_unique<Engine>(options.limits.idle_timeout, draining)) {}

Transcriber::~Transcriber() = default;

void Transcriber::handle(Exchange& exchange) const {
  Outcome outcome = guarded<Outcome>(application_, exchange.request,
                                     [&] { return application_.handle(exchange.request); });
  if (auto* response = std::get_if<Response>(&outcome)) {
    write(exchange, std::move(*response));
  } else if (auto* park = std::get_if<Park>(&outcome)) {
    exchange.park = *park;
  } else {
    exchange.deferred = std::move(std::get<Deferred>(outcome));
  }
}

void Transcriber::answer(Exchange& exchange, const std::function<Response()>& render) const {
  write(exchange, guarded<Response>(application_, exchange.request, render));
}

void Transcriber::refuse(Exchange& exchange, const Refusal& refusal) const {
  write(exchange, refusal_in_words(application_, refusal, exchange.request));
}

void Transcriber::write(Exchange& exchange, Response response) const {
  report(application_, exchange, response);
  engine_->transcribe(exchange, std::move(response));
}

void Transcriber::next_piece(Exchange& exchange) const {
  std::string piece;
  const auto more = produce(exchange.stream, piece);
  exchange.broken = !more;
  if (!more || !*more) exchange.stream = nullptr;
  if (!more) return;
  if (!exchange.chunked) {
    exchange.wire = std::move(piece);
  } else if (*more) {
    append_chunk(exchange.wire, piece);
  } else {
    exchange.wire = "0\r\n\r\n";
  }
}

}  // namespace citas::api::http

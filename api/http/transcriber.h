// The only place that knows cpp-httplib: asks the application and turns its answer into bytes.
//
// cpp-httplib reads from memory a request line and at most a Connection field that are written
// here from an admitted request, and writes its response into memory. So its parser, route regexes,
// body readers, header decoding, ranges and compression never see what a client sent.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "api/http/exchange.h"
#include "api/http/server.h"

namespace citas::api::http {

// Thread-safe.
class Transcriber {
 public:
  // Borrows both. While `draining`, every response closes its connection.
  Transcriber(Application& application, const Options& options, const std::atomic<bool>& draining);
  ~Transcriber();

  // Handles exchange.request; leaves wire (and stream), park or deferred behind.
  void handle(Exchange& exchange) const;
  // Writes what `render` returns.
  void answer(Exchange& exchange, const std::function<Response()>& render) const;
  // Writes the application's words for a refusal.
  void refuse(Exchange& exchange, const Refusal& refusal) const;
  // Puts the next piece of exchange.stream on the wire, and takes the stream away after its last.
  void next_piece(Exchange& exchange) const;

 private:
  class Engine;

  void write(Exchange& exchange, Response response) const;

  Application& application_;
  const Options& options_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace citas::api::http

// Admission: reads one request from bytes as they come, and lets only a whole, correct one through.
//
// cpp-httplib sees nothing of a request before this has accepted all of it. Memory is bounded by
// Limits at every moment. One reader per request; not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http/chunked_decoder.h"
#include "api/http/request_head.h"

namespace citas::api::http {

class RequestReader {
 public:
  enum class Progress {
    kHead,      // more of the head is needed
    kContinue,  // said once: the client waits for "100 Continue" before it sends the body
    kBody,      // more of the body is needed
    kComplete,  // `request` is ready
    kRefused,   // see refusal(); nothing more may be consumed
  };

  // `limits` and `request` are borrowed; `request` is filled on the way.
  RequestReader(const Limits& limits, Request& request)
      : limits_(limits), request_(request), chunks_(limits) {}

  // Takes what belongs to this request off the front of `bytes`.
  Progress consume(std::string_view& bytes);

  // Whether anything of a request has come, but for the empty line that may precede it.
  bool has_begun() const { return scanned_ > (skipped_empty_line_ ? 2U : 0U); }
  const RequestHead& head() const { return head_; }
  const Refusal& refusal() const { return *refusal_; }

 private:
  Progress consume_head(std::string_view& bytes);
  Progress consume_body(std::string_view& bytes);
  bool scan_lines(std::string_view bytes);
  bool end_line(std::string_view bytes, std::size_t feed);
  Progress accept_head(std::string_view head);
  Progress refuse(Refusal refusal);
  std::optional<Refusal> oversized() const;

  const Limits& limits_;
  Request& request_;
  RequestHead head_;
  ChunkedDecoder chunks_;
  std::optional<Refusal> refusal_;
  std::string partial_;         // a head that came in several parts
  std::size_t line_start_ = 0;  // of the line being scanned, in the head
  std::size_t scanned_ = 0;     // bytes of the head already looked at
  std::size_t line_bytes_ = 0;  // of the request line, once it has ended
  bool skipped_empty_line_ = false;
  bool head_done_ = false;
};

}  // namespace citas::api::http

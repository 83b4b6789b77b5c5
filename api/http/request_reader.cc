#include "api/http/request_reader.h"

#include <algorithm>

namespace citas::api::http {

using Progress = RequestReader::Progress;

Progress RequestReader::consume(std::string_view& bytes) {
  return head_done_ ? consume_body(bytes) : consume_head(bytes);
}

Progress RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  return Progress::kRefused;
}

// A head that comes in one part, as nearly all do, is parsed where it lies.
Progress RequestReader::consume_head(std::string_view& bytes) {
  const bool whole = partial_.empty();
  const std::size_t before = partial_.size();
  if (!whole) partial_.append(bytes);
  const std::string_view head = whole ? bytes : partial_;
  const bool ended = scan_lines(head);
  if (refusal_) return Progress::kRefused;
  if (auto refusal = oversized()) return refuse(std::move(*refusal));
  if (!ended) {
    if (whole) partial_.assign(bytes);
    bytes = {};
    return Progress::kHead;
  }
  bytes.remove_prefix(scanned_ - before);
  const Progress progress =
      accept_head(head.substr(0, scanned_).substr(skipped_empty_line_ ? 2 : 0));
  partial_ = {};
  if (progress != Progress::kBody) return progress;
  return head_.expects_continue && bytes.empty() ? Progress::kContinue : consume_body(bytes);
}

// True when the empty line that ends the head has been seen; scanned_ is then its end.
bool RequestReader::scan_lines(std::string_view bytes) {
  while (true) {
    const std::size_t feed = bytes.find('\n', scanned_);
    if (feed == bytes.npos) {
      scanned_ = bytes.size();
      return false;
    }
    scanned_ = feed + 1;
    if (end_line(bytes, feed) || refusal_ || oversized()) return true;
  }
}

// True when the line that ends at `feed` is the last one of the head.
bool RequestReader::end_line(std::string_view bytes, std::size_t feed) {
  if (feed == line_start_ || bytes[feed - 1] != '\r') {
    refuse({400, "malformed_request", "a line of the head does not end in CRLF"});
    return true;
  }
  const bool empty = feed - line_start_ == 1;
  const bool leading = line_start_ == 0;
  line_start_ = feed + 1;
  // RFC 9112 section 2.2: some clients send an empty line after a body.
  if (empty && leading) skipped_empty_line_ = true;
  if (line_bytes_ == 0 && !(empty && leading)) line_bytes_ = scanned_;
  return empty && !leading;
}

std::optional<Refusal> RequestReader::oversized() const {
  const std::size_t request_line = line_bytes_ == 0 ? scanned_ : line_bytes_;
  if (request_line > limits_.request_line_bytes) {
    return Refusal{414, "uri_too_long",
                   "the request line may have " + std::to_string(limits_.request_line_bytes) +
                       " bytes at most"};
  }
  if (scanned_ - request_line > limits_.header_bytes) {
    return Refusal{
        431, "headers_too_large",
        "the headers may have " + std::to_string(limits_.header_bytes) + " bytes at most"};
  }
  return std::nullopt;
}

Progress RequestReader::accept_head(std::string_view head) {
  auto parsed = parse_head(head, limits_, request_, head_);
  if (!parsed) return refuse(std::move(parsed.error()));
  head_done_ = true;
  return head_.chunked || head_.content_length > 0 ? Progress::kBody : Progress::kComplete;
}

Progress RequestReader::consume_body(std::string_view& bytes) {
  if (head_.chunked) {
    auto done = chunks_.consume(bytes, request_.body);
    if (!done) return refuse(std::move(done.error()));
    return *done ? Progress::kComplete : Progress::kBody;
  }
  const auto part = bytes.substr(0, head_.content_length - request_.body.size());
  request_.body.append(part);
  bytes.remove_prefix(part.size());
  return request_.body.size() == head_.content_length ? Progress::kComplete : Progress::kBody;
}

}  // namespace citas::api::http

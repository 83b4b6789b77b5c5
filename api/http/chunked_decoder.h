// Puts a chunked body (RFC 9112 section 7.1) together, strictly: sizes are hexadecimal digits,
// lines end in CRLF, and extensions and trailers are checked, bounded and dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http/limits.h"
#include "api/http/message.h"

namespace citas::api::http {

class ChunkedDecoder {
 public:
  // `limits` is borrowed.
  explicit ChunkedDecoder(const Limits& limits) : limits_(limits) {}

  // Takes what belongs to the body off the front of `bytes` and appends its content to `body`.
  // True once the body is complete; what is left of `bytes` then belongs to the next request.
  tl::expected<bool, Refusal> consume(std::string_view& bytes, std::string& body);

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

  tl::expected<void, Refusal> step(std::string_view& bytes, std::string& body);
  tl::expected<bool, Refusal> take_line(std::string_view& bytes, std::size_t limit_bytes);
  tl::expected<void, Refusal> read_size(std::string_view& bytes, std::size_t body_bytes);
  void read_data(std::string_view& bytes, std::string& body);
  tl::expected<void, Refusal> read_data_end(std::string_view& bytes);
  tl::expected<void, Refusal> read_trailer(std::string_view& bytes);

  const Limits& limits_;
  State state_ = State::kSize;
  std::string line_;  // of the line being received, what has come so far
  std::uint64_t chunk_left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace citas::api::http

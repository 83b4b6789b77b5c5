#include "api/http/chunked_decoder.h"

#include <algorithm>
#include <charconv>

#include "api/http/request_head.h"

namespace citas::api::http {
namespace {

tl::unexpected<Refusal> malformed(std::string detail) {
  return tl::unexpected<Refusal>(Refusal{400, "malformed_body", std::move(detail)});
}

bool is_extension(std::string_view text) {
  const auto printable = [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7F); };
  return text.empty() || (text.front() == ';' && std::all_of(text.begin(), text.end(), printable));
}

}  // namespace

tl::expected<bool, Refusal> ChunkedDecoder::consume(std::string_view& bytes, std::string& body) {
  while (!bytes.empty() && state_ != State::kDone) {
    const auto stepped = step(bytes, body);
    if (!stepped) return tl::unexpected<Refusal>(stepped.error());
  }
  return state_ == State::kDone;
}

tl::expected<void, Refusal> ChunkedDecoder::step(std::string_view& bytes, std::string& body) {
  switch (state_) {
    case State::kSize:
      return read_size(bytes, body.size());
    case State::kData:
      read_data(bytes, body);
      return {};
    case State::kDataEnd:
      return read_data_end(bytes);
    case State::kTrailer:
      return read_trailer(bytes);
    case State::kDone:
      return {};
  }
  return {};
}

// Moves bytes into line_ until it is a whole line, then without its CRLF. False: more is needed.
tl::expected<bool, Refusal> ChunkedDecoder::take_line(std::string_view& bytes,
                                                      std::size_t limit_bytes) {
  const std::size_t feed = bytes.find('\n');
  const std::size_t taken = feed == bytes.npos ? bytes.size() : feed + 1;
  if (line_.size() + taken > limit_bytes) return malformed("a line between chunks is too long");
  line_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  if (feed == bytes.npos) return false;
  if (line_.size() < 2 || line_[line_.size() - 2] != '\r') {
    return malformed("a line between chunks does not end in CRLF");
  }
  line_.resize(line_.size() - 2);
  return true;
}

tl::expected<void, Refusal> ChunkedDecoder::read_size(std::string_view& bytes,
                                                      std::size_t body_bytes) {
  const auto whole = take_line(bytes, limits_.chunk_line_bytes);
  if (!whole) return tl::unexpected<Refusal>(whole.error());
  if (!*whole) return {};
  constexpr std::ptrdiff_t kMostDigits = 15;  // cannot overflow 64 bits
  const char* end = line_.data() + line_.size();
  const auto [stop, error] = std::from_chars(line_.data(), end, chunk_left_, 16);
  if (error != std::errc{} || stop - line_.data() > kMostDigits ||
      !is_extension({stop, static_cast<std::size_t>(end - stop)})) {
    return malformed("a chunk size is not a hexadecimal number");
  }
  if (chunk_left_ > limits_.body_bytes - body_bytes) {
    return tl::unexpected<Refusal>(
        Refusal{413, "body_too_large",
                "the body may have " + std::to_string(limits_.body_bytes) + " bytes at most"});
  }
  line_.clear();
  state_ = chunk_left_ == 0 ? State::kTrailer : State::kData;
  return {};
}

void ChunkedDecoder::read_data(std::string_view& bytes, std::string& body) {
  const std::string_view data = bytes.substr(0, chunk_left_);
  body.append(data);
  chunk_left_ -= data.size();
  bytes.remove_prefix(data.size());
  if (chunk_left_ == 0) state_ = State::kDataEnd;
}

tl::expected<void, Refusal> ChunkedDecoder::read_data_end(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\r\n";
  if (bytes.front() != kEnd[line_.size()]) return malformed("a chunk is longer than its size");
  line_.push_back(bytes.front());
  bytes.remove_prefix(1);
  if (line_.size() == kEnd.size()) {
    line_.clear();
    state_ = State::kSize;
  }
  return {};
}

tl::expected<void, Refusal> ChunkedDecoder::read_trailer(std::string_view& bytes) {
  const auto whole = take_line(bytes, limits_.trailer_bytes);
  if (!whole) return tl::unexpected<Refusal>(whole.error());
  if (!*whole) return {};
  if (line_.empty()) {
    state_ = State::kDone;
    return {};
  }
  trailer_bytes_ += line_.size();
  if (trailer_bytes_ > limits_.trailer_bytes) {
    return tl::unexpected<Refusal>(Refusal{431, "trailers_too_large", "too many trailer fields"});
  }
  const auto field = parse_field(line_);
  if (!field) return tl::unexpected<Refusal>(field.error());
  line_.clear();
  return {};
}

}  // namespace citas::api::http

// Every bound that the server puts on one request, by name.
#pragma once

#include <chrono>
#include <cstddef>

namespace citas::api::http {

struct Limits {
  // Sizes. What is over them is refused with the status named.
  std::size_t request_line_bytes = 8 * 1024;  // 414
  std::size_t header_bytes = 16 * 1024;       // 431, all header lines together
  std::size_t header_count = 100;             // 431
  std::size_t query_parameters = 100;         // 400
  std::size_t body_bytes = 1024 * 1024;       // 413, after chunks are put together
  std::size_t chunk_line_bytes = 256;         // 400
  std::size_t trailer_bytes = 4 * 1024;       // 431

  // Times, from the first byte of what they limit until its last, however it trickles in.
  std::chrono::milliseconds head_deadline = std::chrono::seconds{10};     // 408
  std::chrono::milliseconds request_deadline = std::chrono::seconds{30};  // 408
  std::chrono::milliseconds idle_timeout = std::chrono::seconds{75};      // closed silently
  // Idle for so long, a connection makes room for a new one where there is none.
  std::chrono::milliseconds spared_idle = std::chrono::seconds{1};
  std::chrono::milliseconds write_deadline = std::chrono::seconds{30};  // a response, or a piece

  // After the last response of a connection, what still comes in is read and thrown away within
  // these bounds: closing at once could reset the connection before the client has seen the answer.
  std::size_t discard_bytes = 16 * 1024 * 1024;
  std::chrono::milliseconds discard_deadline = std::chrono::seconds{5};
  std::chrono::milliseconds drain_discard_deadline = std::chrono::seconds{1};  // while draining
};

}  // namespace citas::api::http

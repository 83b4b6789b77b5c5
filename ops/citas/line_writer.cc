#include "ops/citas/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace citas::ops {
namespace {

using std::chrono::steady_clock;

// How late a hurry is noticed.
constexpr std::chrono::milliseconds kLook{50};

}  // namespace

void LineWriter::write(std::string_view text) {
  while (!text.empty() && wait_for_room()) {
    // No more than a pipe has room for when it says that it has some.
    const std::size_t size = std::min<std::size_t>(text.size(), PIPE_BUF);
    const ssize_t written = ::write(descriptor_, text.data(), size);
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return;
  }
}

void LineWriter::hurry(std::chrono::milliseconds patience) {
  deadline_ = steady_clock::now() + patience;
}

// What is wrong with the descriptor is told by writing to it.
bool LineWriter::wait_for_room() const {
  pollfd waiting{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  while (true) {
    const bool is_late = steady_clock::now() >= deadline_.load();
    const auto patience = is_late ? std::chrono::milliseconds{0} : kLook;
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) > 0) return true;
    if (is_late) return false;
  }
}

}  // namespace citas::ops

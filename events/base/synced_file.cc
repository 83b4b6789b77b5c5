#include "events/base/synced_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace citas {
namespace {

Error trouble(const char* what, const std::filesystem::path& file, int error) {
  const char* const advice = error == ENOSPC ? "; free some space on that disk" : "";
  return {ErrorCode::kUnavailable, std::string("cannot ") + what + " " + file.string() + ": " +
                                       std::strerror(error) + advice};
}

// 0, or what went wrong.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

Status write_synced(const std::filesystem::path& file, std::string_view bytes) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return failure(trouble("create", file, errno));
  const int unwritten = write_all(descriptor, bytes);
  const int unsynced = unwritten == 0 && ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  if (unwritten != 0) return failure(trouble("write", file, unwritten));
  if (unsynced != 0) return failure(trouble("sync", file, unsynced));
  return {};
}

}  // namespace citas

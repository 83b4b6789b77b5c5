#include "events/base/synced_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "events/base/descriptor.h"

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

Result<Descriptor> write_anew(const std::filesystem::path& file, std::string_view bytes) {
  Descriptor opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!opened) return failure(trouble("create", file, errno));
  const int error = write_all(opened.get(), bytes);
  if (error != 0) return failure(trouble("write", file, error));
  return opened;
}

}  // namespace

Status write_synced(const std::filesystem::path& file, std::string_view bytes) {
  const auto written = write_anew(file, bytes);
  if (!written) return failure(written.error());
  if (::fsync(written->get()) != 0) return failure(trouble("sync", file, errno));
  return {};
}

Status replace_file(const std::filesystem::path& file, std::string_view bytes) {
  const std::filesystem::path unfinished = file.string() + ".new";
  ::unlink(unfinished.c_str());  // what is left of a killed run may be readable to others
  const auto written = write_anew(unfinished, bytes);
  int error = 0;
  if (written && ::rename(unfinished.c_str(), file.c_str()) != 0) error = errno;
  if (written && error == 0) return {};
  ::unlink(unfinished.c_str());
  return written ? failure(trouble("replace", file, error)) : failure(written.error());
}

}  // namespace citas

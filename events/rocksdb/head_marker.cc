#include "events/rocksdb/head_marker.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "events/base/big_endian.h"

namespace citas {
namespace {

constexpr std::string_view kMagic = "citasHM1";
constexpr std::size_t kPayloadSize = 68;
constexpr std::size_t kSlotSize = kPayloadSize + 32;
constexpr off_t kSlotSpacing = 4096;

std::string encode(const MarkedHead& marked) {
  std::string slot{kMagic};
  slot.append(reinterpret_cast<const char*>(marked.log.value().bytes.data()), 16);
  append_big_endian(slot, marked.head.epoch.value());
  append_big_endian(slot, marked.head.position.value());
  slot.append(bytes_of(marked.head.hash));
  slot.append(bytes_of(sha256({slot})));
  return slot;
}

std::optional<MarkedHead> decode(std::string_view slot) {
  if (slot.size() != kSlotSize || !slot.starts_with(kMagic)) return std::nullopt;
  const Sha256 checksum = sha256({slot.substr(0, kPayloadSize)});
  if (slot.substr(kPayloadSize) != bytes_of(checksum)) return std::nullopt;
  MarkedHead marked;
  Uuid log;
  std::memcpy(log.bytes.data(), slot.data() + 8, log.bytes.size());
  marked.log = LogId{log};
  marked.head.epoch = Epoch{read_big_endian<std::uint32_t>(slot, 24)};
  marked.head.position = Position{read_big_endian<std::uint64_t>(slot, 28)};
  std::memcpy(marked.head.hash.data(), slot.data() + 36, marked.head.hash.size());
  return marked;
}

Error system_error(std::string_view what) {
  return {ErrorCode::kUnavailable,
          "head marker: " + std::string(what) + ": " + std::strerror(errno)};
}

Status write_slot(int descriptor, int slot, const MarkedHead& marked) {
  const std::string bytes = encode(marked);
  const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), slot * kSlotSpacing);
  if (written != static_cast<ssize_t>(bytes.size())) return failure(system_error("write"));
  return {};
}

std::optional<MarkedHead> read_slot(int descriptor, int slot) {
  std::string bytes(kSlotSize, '\0');
  const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), slot * kSlotSpacing);
  if (got != static_cast<ssize_t>(bytes.size())) return std::nullopt;
  return decode(bytes);
}

struct Newest {
  MarkedHead marked;
  int slot;
};

Result<Newest> newest(int descriptor) {
  const auto first = read_slot(descriptor, 0);
  const auto second = read_slot(descriptor, 1);
  if (!first && !second) {
    return failure(ErrorCode::kCorruption, "head marker: neither slot is readable");
  }
  const auto rank = [](const std::optional<MarkedHead>& marked) {
    return marked ? std::pair(marked->head.epoch, marked->head.position)
                  : std::pair(Epoch{0}, Position{0});
  };
  const bool second_is_newer = second && (!first || rank(second) > rank(first));
  return second_is_newer ? Newest{*second, 1} : Newest{*first, 0};
}

Result<int> open_file(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor >= 0) return descriptor;
  if (errno == ENOENT) return failure(ErrorCode::kNotFound, "head marker: there is none");
  return failure(system_error("open"));
}

}  // namespace

Result<HeadMarker> HeadMarker::create(const std::filesystem::path& path, const MarkedHead& first) {
  const auto descriptor = open_file(path, O_RDWR | O_CREAT | O_EXCL);
  if (!descriptor) return failure(descriptor.error());
  HeadMarker marker(*descriptor, first, 1);
  // Both slots are allocated now, so that no later write can find the disk full.
  for (int slot : {0, 1}) {
    if (const Status written = write_slot(*descriptor, slot, first); !written) {
      return failure(written.error());
    }
  }
  if (const Status synced = marker.sync(); !synced) return failure(synced.error());
  return marker;
}

Result<HeadMarker> HeadMarker::open(const std::filesystem::path& path) {
  const auto descriptor = open_file(path, O_RDWR);
  if (!descriptor) return failure(descriptor.error());
  HeadMarker marker(*descriptor, MarkedHead{}, 0);
  const auto found = newest(*descriptor);
  if (!found) return failure(found.error());
  marker.last_ = found->marked;
  marker.next_slot_ = 1 - found->slot;
  return marker;
}

Result<MarkedHead> HeadMarker::read(const std::filesystem::path& path) {
  const auto descriptor = open_file(path, O_RDONLY);
  if (!descriptor) return failure(descriptor.error());
  const HeadMarker closes_it(*descriptor, MarkedHead{}, 0);
  const auto found = newest(*descriptor);
  if (!found) return failure(found.error());
  return found->marked;
}

HeadMarker::HeadMarker(HeadMarker&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      last_(other.last_),
      next_slot_(other.next_slot_) {}

HeadMarker::~HeadMarker() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status HeadMarker::write(const Head& head) {
  last_.head = head;
  const Status written = write_slot(descriptor_, next_slot_, last_);
  next_slot_ = 1 - next_slot_;
  return written;
}

Status HeadMarker::sync() {
  if (::fdatasync(descriptor_) != 0) return failure(system_error("sync"));
  return {};
}

}  // namespace citas

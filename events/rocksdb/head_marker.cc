#include "events/rocksdb/head_marker.h"

#include <cstring>
#include <optional>
#include <utility>

#include "events/base/big_endian.h"
#include "events/base/rocksdb/next_step.h"
#include "events/rocksdb/disk_folder.h"

namespace citas {
namespace {

constexpr std::string_view kMagic = "citasHM1";
constexpr std::size_t kPayloadSize = 68;
constexpr std::size_t kSlotSize = kPayloadSize + 32;
constexpr std::uint64_t kSlots = 2;
constexpr std::uint64_t kSlotSpacing = 4096;

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

Error io_error(std::string_view what, const rocksdb::IOStatus& status) {
  if (status.IsNotFound() || status.IsPathNotFound()) {
    return {ErrorCode::kNotFound, "head marker: there is none"};
  }
  return {ErrorCode::kUnavailable, "head marker: " + std::string(what) + ": " + status.ToString() +
                                       std::string(next_step(status))};
}

struct Newest {
  MarkedHead marked;
  std::uint64_t slot;
};

Result<Newest> newest(const std::string& path, rocksdb::FileSystem& disk) {
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  const auto opened = disk.NewRandomAccessFile(path, {}, &file, nullptr);
  if (!opened.ok()) return failure(io_error("open", opened));
  std::optional<MarkedHead> slots[kSlots];
  for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
    std::string space(kSlotSize, '\0');
    rocksdb::Slice bytes;
    const auto got =
        file->Read(slot * kSlotSpacing, space.size(), {}, &bytes, space.data(), nullptr);
    // Not the same as a slot that was read and is damaged: whoever goes on with the other, older
    // one would miss the loss of what this one has seen.
    if (!got.ok()) return failure(io_error("read", got));
    slots[slot] = decode(bytes.ToStringView());
  }
  const auto& [first, second] = slots;
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

}  // namespace

Result<HeadMarker> HeadMarker::create(const std::filesystem::path& path, const MarkedHead& first,
                                      const Disk& disk) {
  const auto is_there = exists(*disk, path);
  if (!is_there) return failure(is_there.error());
  if (*is_there) {
    return failure(ErrorCode::kFailedPrecondition, "head marker: there is one already");
  }
  // Under another name until it is whole: half a marker would look like a damaged one.
  const std::string unfinished = path.string() + ".new";
  std::unique_ptr<rocksdb::FSWritableFile> file;
  auto done = disk->NewWritableFile(unfinished, {}, &file, nullptr);
  // Both slots are allocated now, so that no later write can find the disk full.
  std::string slots = encode(first);
  slots.resize(kSlotSpacing);
  slots += encode(first);
  if (done.ok()) done = file->Append(slots, {}, nullptr);
  if (done.ok()) done = file->Sync({}, nullptr);
  if (done.ok()) done = file->Close({}, nullptr);
  if (done.ok()) done = disk->RenameFile(unfinished, path, {}, nullptr);
  if (!done.ok()) return failure(io_error("create", done));
  return open(path, disk);
}

Result<HeadMarker> HeadMarker::open(const std::filesystem::path& path, const Disk& disk) {
  const auto found = newest(path, *disk);
  if (!found) return failure(found.error());
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  const auto opened = disk->NewRandomRWFile(path, {}, &file, nullptr);
  if (!opened.ok()) return failure(io_error("open", opened));
  return HeadMarker(std::move(file), found->marked, (found->slot + 1) % kSlots);
}

Result<MarkedHead> HeadMarker::read(const std::filesystem::path& path, const Disk& disk) {
  return newest(path, *disk).map([](const Newest& found) { return found.marked; });
}

Status HeadMarker::write(const Head& head) {
  last_.head = head;
  const auto written = file_->Write(next_slot_ * kSlotSpacing, encode(last_), {}, nullptr);
  if (!written.ok()) return failure(io_error("write", written));
  next_slot_ = (next_slot_ + 1) % kSlots;
  return {};
}

Status HeadMarker::sync() {
  const auto synced = file_->Sync({}, nullptr);
  if (!synced.ok()) return failure(io_error("sync", synced));
  return {};
}

}  // namespace citas

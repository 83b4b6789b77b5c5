#include "events/record.h"

#include <algorithm>
#include <cstring>

#include "events/base/check.h"

namespace citas {
namespace {

constexpr std::size_t kEpochAt = 2;
constexpr std::size_t kTimeAt = 6;
constexpr std::size_t kHashAt = 14;

template <typename Unsigned>
void append_bytes(std::string& out, Unsigned value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

template <typename Unsigned>
Unsigned read_bytes(std::string_view bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Unsigned>(value << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace

void append_big_endian(std::string& out, std::uint64_t value) { append_bytes(out, value); }

std::uint64_t read_big_endian(std::string_view eight_bytes) {
  CHECK(eight_bytes.size() == 8);
  return read_bytes<std::uint64_t>(eight_bytes);
}

std::string encode_record(Epoch epoch, Timestamp running_maximum, const Sha256& hash,
                          std::string_view event_bytes) {
  std::string record;
  record.reserve(kRecordHeaderSize + event_bytes.size());
  record.push_back(static_cast<char>(kRecordFormat));
  record.push_back(static_cast<char>(kHashSha256));
  append_bytes(record, epoch.value());
  append_bytes(record, static_cast<std::uint64_t>(running_maximum.time_since_epoch().count()));
  record.append(bytes_of(hash));
  record.append(event_bytes);
  return record;
}

Result<RecordView> decode_record(Position position, std::string_view stored) {
  const auto broken = [&](std::string_view what) {
    return failure(
        ErrorCode::kCorruption,
        "record at position " + std::to_string(position.value()) + ": " + std::string(what));
  };
  if (stored.size() <= kRecordHeaderSize) return broken("too short");
  if (static_cast<std::uint8_t>(stored[0]) != kRecordFormat)
    return broken("unknown format version");
  if (static_cast<std::uint8_t>(stored[1]) != kHashSha256) return broken("unknown hash algorithm");
  RecordView view;
  view.position = position;
  view.epoch = Epoch{read_bytes<std::uint32_t>(stored.substr(kEpochAt))};
  view.running_maximum = Timestamp{std::chrono::milliseconds{
      static_cast<std::int64_t>(read_bytes<std::uint64_t>(stored.substr(kTimeAt)))}};
  std::memcpy(view.hash.data(), stored.data() + kHashAt, view.hash.size());
  view.bytes = stored.substr(kRecordHeaderSize);
  return view;
}

std::string extend(ChainState& state, Timestamp time, std::string_view event_bytes) {
  state.head.position = Position{state.head.position.value() + 1};
  state.head.hash = chain(state.head.hash, event_bytes);
  state.running_maximum = std::max(state.running_maximum, time);
  return encode_record(state.head.epoch, state.running_maximum, state.head.hash, event_bytes);
}

}  // namespace citas

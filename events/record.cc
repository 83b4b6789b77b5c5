#include "events/record.h"

#include <algorithm>
#include <cstring>

#include "events/base/big_endian.h"

namespace citas {
namespace {

constexpr std::size_t kEpochAt = 2;
constexpr std::size_t kTimeAt = 6;
constexpr std::size_t kHashAt = 14;

}  // namespace

std::string encode_record(Epoch epoch, Timestamp running_maximum, const Sha256& hash,
                          std::string_view event_bytes) {
  std::string record;
  record.reserve(kRecordHeaderSize + event_bytes.size());
  record.push_back(static_cast<char>(kRecordFormat));
  record.push_back(static_cast<char>(kHashSha256));
  append_big_endian(record, epoch.value());
  append_big_endian(record, static_cast<std::uint64_t>(running_maximum.time_since_epoch().count()));
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
  view.epoch = Epoch{read_big_endian<std::uint32_t>(stored, kEpochAt)};
  view.running_maximum = Timestamp{std::chrono::milliseconds{
      static_cast<std::int64_t>(read_big_endian<std::uint64_t>(stored, kTimeAt))}};
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

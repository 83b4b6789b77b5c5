#include "projections/checkpoint.h"

#include <algorithm>

#include "projections/fields.h"

namespace citas::projections {
namespace {

// Layout, integers big-endian:
//   format (1) ‖ version (4) ‖ codec revision (8) ‖ log id (16) ‖ epoch (4) ‖ position (8)
//   ‖ hash (32) ‖ digest (32) ‖ entries (8) ‖ projection's name
constexpr char kFormat = 1;
constexpr std::size_t kFixedSize = 1 + 4 + 8 + 16 + 4 + 8 + 32 + 32 + 8;

Sha256 read_hash(std::string_view bytes, std::size_t offset) {
  Sha256 hash;
  std::memcpy(hash.data(), bytes.data() + offset, hash.size());
  return hash;
}

tl::unexpected<Error> unusable(const Checkpoint& checkpoint, std::string_view why) {
  return failure(ErrorCode::kFailedPrecondition,
                 "the read model " + checkpoint.model.name + " at position " +
                     std::to_string(checkpoint.head.position.value()) + " " + std::string(why));
}

// The log's head of the prefix that ends at `position`; nullopt when the log is shorter.
Result<std::optional<Head>> head_at(const EventLog& log, Position position) {
  if (position == Position{}) return Head{Epoch{}, position, log.identity().genesis()};
  if (position > log.committed()) return std::nullopt;
  const auto record = read_one(log, position);
  if (!record) return failure(record.error());
  return Head{record->epoch, position, record->hash};
}

}  // namespace

Checkpoint initial_checkpoint(const EventLog& log, ModelVersion model) {
  return {.model = std::move(model),
          .log = log.identity().id,
          .head = {Epoch{}, Position{}, log.identity().genesis()},
          .digest = {},
          .entries = 0};
}

std::string encode(const Checkpoint& checkpoint) {
  std::string out;
  out.reserve(kFixedSize + checkpoint.model.name.size());
  out.push_back(kFormat);
  append_big_endian(out, checkpoint.model.version);
  append_big_endian(out, checkpoint.model.codec_revision);
  append_uuid(out, checkpoint.log.value());
  append_big_endian(out, checkpoint.head.epoch.value());
  append_big_endian(out, checkpoint.head.position.value());
  out.append(bytes_of(checkpoint.head.hash));
  out.append(bytes_of(checkpoint.digest.bytes()));
  append_big_endian(out, checkpoint.entries);
  out.append(checkpoint.model.name);
  return out;
}

Result<Checkpoint> decode_checkpoint(std::string_view bytes) {
  if (bytes.size() < kFixedSize || bytes.front() != kFormat) {
    return failure(ErrorCode::kCorruption,
                   "a read model's checkpoint is unreadable: rebuild the projection");
  }
  Checkpoint checkpoint;
  checkpoint.model.version = read_big_endian<std::uint32_t>(bytes, 1);
  checkpoint.model.codec_revision = read_big_endian<std::uint64_t>(bytes, 5);
  checkpoint.log = LogId{read_uuid(bytes, 13)};
  checkpoint.head.epoch = Epoch{read_big_endian<std::uint32_t>(bytes, 29)};
  checkpoint.head.position = Position{read_big_endian<std::uint64_t>(bytes, 33)};
  checkpoint.head.hash = read_hash(bytes, 41);
  checkpoint.digest = ContentDigest::from_bytes(read_hash(bytes, 73));
  checkpoint.entries = read_big_endian<std::uint64_t>(bytes, 105);
  checkpoint.model.name = bytes.substr(kFixedSize);
  return checkpoint;
}

Status verify(const Checkpoint& checkpoint, const EventLog& log, const ModelVersion& model) {
  if (checkpoint.model != model) return unusable(checkpoint, "was built by another version");
  if (checkpoint.log != log.identity().id) return unusable(checkpoint, "is of another log");
  const auto head = head_at(log, checkpoint.head.position);
  if (!head) return failure(head.error());
  if (!*head) return unusable(checkpoint, "is ahead of its log");
  if (**head != checkpoint.head) return unusable(checkpoint, "does not follow from its log");
  return {};
}

}  // namespace citas::projections

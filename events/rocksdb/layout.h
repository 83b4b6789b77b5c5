// The keys of a log's column families (rocksdb_event_log.h). Internal to this folder.
#pragma once

#include <rocksdb/slice.h>

#include <cstring>
#include <optional>
#include <string>

#include "events/base/big_endian.h"
#include "events/event_log.h"

namespace citas {

inline std::string position_key(Position position) {
  std::string key;
  append_big_endian(key, position.value());
  return key;
}

inline std::string tag_key(const TagDigest& digest, Position position) {
  std::string key(reinterpret_cast<const char*>(digest.data()), digest.size());
  append_big_endian(key, position.value());
  return key;
}

inline rocksdb::Slice slice_of(const CommandKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

inline std::string listed_key(Position position, const CommandKey& key) {
  return position_key(position).append(bytes_of(key));
}

// nullopt: not the key of a listed outcome.
inline std::optional<ListedResult> listed_result(std::string_view key, std::string_view value) {
  ListedResult result;
  result.value = value;
  if (key.size() != sizeof(std::uint64_t) + result.key.size()) return std::nullopt;
  result.position = Position{read_big_endian<std::uint64_t>(key)};
  std::memcpy(result.key.data(), key.data() + sizeof(std::uint64_t), result.key.size());
  return result;
}

}  // namespace citas

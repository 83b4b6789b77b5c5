#include "events/rocksdb/write_mark.h"

#include <algorithm>

#include "events/base/big_endian.h"

namespace citas {
namespace {

class Merger final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* existing, const rocksdb::Slice& value,
             std::string* result, rocksdb::Logger*) const override {
    const auto right = decode_write_mark(value.ToStringView());
    const auto left = existing == nullptr ? std::optional<WriteMark>(WriteMark{})
                                          : decode_write_mark(existing->ToStringView());
    if (!left || !right) return false;
    *result = encode({.position = std::max(left->position, right->position),
                      .batch = std::max(left->batch, right->batch),
                      .counted = left->counted + right->counted});
    return true;
  }
  const char* Name() const override { return "citas.WriteMark"; }
};

}  // namespace

std::string encode(const WriteMark& mark) {
  std::string bytes;
  append_big_endian(bytes, mark.position.value());
  append_big_endian(bytes, mark.batch);
  append_big_endian(bytes, mark.counted);
  return bytes;
}

std::optional<WriteMark> decode_write_mark(std::string_view bytes) {
  if (bytes.size() != 24) return std::nullopt;
  return WriteMark{.position = Position{read_big_endian<std::uint64_t>(bytes, 0)},
                   .batch = read_big_endian<std::uint64_t>(bytes, 8),
                   .counted = read_big_endian<std::uint64_t>(bytes, 16)};
}

std::shared_ptr<rocksdb::MergeOperator> write_mark_merger() { return std::make_shared<Merger>(); }

}  // namespace citas

// WriteMark: what each family beside the events knows about how far the log has come.
//
// A manifest that was cut short is to RocksDB a valid, older one. The events are missed then, by
// the head marker; but another family may have lost a table while the events have theirs, even one
// from the middle of its history. So every batch merges a mark into each of those families: at any
// time a family then says which batch was its last, and how many it really has.
//
// Internal to this folder. Integers are big-endian:
//
//   offset  size  field
//        0     8  position of the log's end
//        8     8  number of the batch, from 1
//       16     8  batches in this family: 1 in each batch, added up by merging
#pragma once

#include <rocksdb/merge_operator.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/ids.h"

namespace citas {

struct WriteMark {
  Position position;
  std::uint64_t batch = 0;
  std::uint64_t counted = 0;
  friend bool operator==(const WriteMark&, const WriteMark&) = default;
};

std::string encode(const WriteMark& mark);
std::optional<WriteMark> decode_write_mark(std::string_view bytes);

// Two marks make one: the later end, and the sum of what they counted.
std::shared_ptr<rocksdb::MergeOperator> write_mark_merger();

}  // namespace citas

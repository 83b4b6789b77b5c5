#include "projections/content_digest.h"

#include "events/base/hex.h"
#include "projections/fields.h"

namespace citas::projections {
namespace {

std::uint64_t word_of(const Sha256& bytes, std::size_t least_significant_first) {
  return read_big_endian<std::uint64_t>(bytes_of(bytes), (3 - least_significant_first) * 8);
}

}  // namespace

Sha256 entry_hash(std::string_view key, std::string_view value) {
  const std::uint32_t size = to_big_endian(static_cast<std::uint32_t>(key.size()));
  return sha256({{reinterpret_cast<const char*>(&size), sizeof size}, key, value});
}

ContentDigest ContentDigest::from_bytes(const Sha256& bytes) {
  ContentDigest digest;
  digest.add(bytes);
  return digest;
}

void ContentDigest::add(const Sha256& entry) {
  bool carry = false;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::uint64_t sum = 0;
    const bool overflowed = __builtin_add_overflow(words_[i], word_of(entry, i), &sum);
    carry = __builtin_add_overflow(sum, std::uint64_t{carry}, &words_[i]) || overflowed;
  }
}

void ContentDigest::remove(const Sha256& entry) {
  bool borrow = false;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::uint64_t difference = 0;
    const bool overflowed = __builtin_sub_overflow(words_[i], word_of(entry, i), &difference);
    borrow = __builtin_sub_overflow(difference, std::uint64_t{borrow}, &words_[i]) || overflowed;
  }
}

Sha256 ContentDigest::bytes() const {
  Sha256 bytes;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::uint64_t word = to_big_endian(words_[words_.size() - 1 - i]);
    std::memcpy(bytes.data() + i * sizeof word, &word, sizeof word);
  }
  return bytes;
}

std::string ContentDigest::to_hex() const { return citas::to_hex(bytes()); }

}  // namespace citas::projections

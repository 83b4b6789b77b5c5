#include "projections/content_digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace citas::projections {
namespace {

Sha256 filled(unsigned char byte) {
  Sha256 bytes;
  bytes.fill(byte);
  return bytes;
}

Sha256 one() {
  Sha256 bytes{};
  bytes.back() = 1;
  return bytes;
}

TEST(ContentDigestTest, IsTheHashOfASingleEntry) {
  ContentDigest digest;
  digest.add(entry_hash("key", "value"));
  // printf '\0\0\0\3keyvalue' | sha256sum
  EXPECT_EQ(digest.to_hex(), "9c55d2f17341fb6a429f7db5dc4fd77181d9258b92597392f1aac285eb65614b");
}

TEST(ContentDigestTest, CarriesOverAllWordsAndWrapsAround) {
  ContentDigest digest;
  digest.add(filled(0xff));
  digest.add(one());
  EXPECT_EQ(digest, ContentDigest());
  digest.remove(one());
  EXPECT_EQ(digest.bytes(), filled(0xff));
}

TEST(ContentDigestTest, KeyAndValueDoNotRunIntoEachOther) {
  EXPECT_NE(entry_hash("ab", "c"), entry_hash("a", "bc"));
}

TEST(ContentDigestTest, DoesNotDependOnTheOrderNorOnWhatWasRemoved) {
  std::mt19937 random(7);
  std::vector<Sha256> entries;
  for (int i = 0; i < 200; ++i) entries.push_back(entry_hash(std::to_string(i), "value"));
  ContentDigest forwards;
  for (const Sha256& entry : entries) forwards.add(entry);
  std::ranges::shuffle(entries, random);
  ContentDigest shuffled;
  shuffled.add(entry_hash("other", "value"));
  for (const Sha256& entry : entries) shuffled.add(entry);
  EXPECT_NE(forwards, shuffled);
  shuffled.remove(entry_hash("other", "value"));
  EXPECT_EQ(forwards, shuffled);
}

TEST(ContentDigestTest, CountsEntriesThatAreThereTwice) {
  ContentDigest once;
  once.add(entry_hash("key", "value"));
  ContentDigest twice = once;
  twice.add(entry_hash("key", "value"));
  EXPECT_NE(once, twice);
}

TEST(ContentDigestTest, SurvivesItsBytes) {
  ContentDigest digest;
  digest.add(entry_hash("key", "value"));
  EXPECT_EQ(ContentDigest::from_bytes(digest.bytes()), digest);
}

}  // namespace
}  // namespace citas::projections

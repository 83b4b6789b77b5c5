// Records and the chain that binds them.
#include "events/record.h"

#include <gtest/gtest.h>

#include "tests/support/events.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests

TEST(Record, ReadsBackWhatItWrites) {
  const Sha256 hash = sha256({"x"});
  const std::string stored = encode_record(Epoch{3}, kNow, hash, "{}");
  EXPECT_EQ(stored.size(), kRecordHeaderSize + 2);
  const auto record = decode_record(Position{5}, stored);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->epoch, Epoch{3});
  EXPECT_EQ(record->running_maximum, kNow);
  EXPECT_EQ(record->hash, hash);
  EXPECT_EQ(record->bytes, "{}");
}

// Stored for ever.
TEST(Record, StaysAsItIs) {
  const std::string stored = encode_record(Epoch{0x01020304}, at_ms(0x1122334455), Sha256{}, "{}");
  EXPECT_EQ(stored, std::string("\x01\x01\x01\x02\x03\x04\0\0\0\x11\x22\x33\x44\x55", 14) +
                        std::string(32, '\0') + "{}");
}

TEST(Record, RefusesUnknownFormatsAndStumps) {
  std::string stored = encode_record(Epoch{1}, kNow, Sha256{}, "{}");
  EXPECT_FALSE(decode_record(Position{1}, stored.substr(0, kRecordHeaderSize)));
  stored[0] = 9;
  EXPECT_EQ(decode_record(Position{1}, stored).error().code, ErrorCode::kCorruption);
  stored[0] = 1;
  stored[1] = 9;
  EXPECT_FALSE(decode_record(Position{1}, stored));
}

TEST(Record, TheChainDependsOnEveryByteBefore) {
  const auto end_of = [](const LogIdentity& log, std::initializer_list<const char*> events) {
    ChainState state{{Epoch{1}, Position{0}, log.genesis()}, Timestamp::min()};
    for (const char* event : events) extend(state, kNow, event);
    return state.head.hash;
  };
  const Sha256 original = end_of(kTestLog, {"a", "b", "c"});
  EXPECT_EQ(original, end_of(kTestLog, {"a", "b", "c"}));
  EXPECT_NE(original, end_of(kTestLog, {"A", "b", "c"}));
  EXPECT_NE(original, end_of(kTestLog, {"b", "a", "c"}));
  EXPECT_NE(original, end_of(kTestLog, {"a", "b"}));
  EXPECT_NE(original, end_of(LogIdentity{LogId{uuid(8)}}, {"a", "b", "c"}));
  EXPECT_NE(original, end_of(LogIdentity{kTestLog.id, "andes"}, {"a", "b", "c"}));
}

TEST(Record, TheRunningMaximumIgnoresAClockThatGoesBack) {
  ChainState state{{Epoch{1}, Position{0}, kTestLog.genesis()}, Timestamp::min()};
  extend(state, kNow, "a");
  extend(state, kNow - std::chrono::hours{1}, "b");
  EXPECT_EQ(state.running_maximum, kNow);
  EXPECT_EQ(state.head.position, Position{2});
}

}  // namespace
}  // namespace citas

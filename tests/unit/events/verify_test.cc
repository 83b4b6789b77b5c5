// Verify: what an auditor's check finds.
#include "events/verify.h"

#include <gtest/gtest.h>

#include "events/base/hex.h"
#include "events/memory/memory_event_log.h"
#include "tests/support/events.h"
#include "tests/support/forwarding_log.h"

namespace citas {
namespace {

using namespace testing;  // NOLINT: the vocabulary of these tests

class VerifyTest : public ::testing::Test {
 protected:
  NewRecord request(std::uint64_t position) {
    return record_of(event_at(position, AppointmentRequested{ref(1), {}}), log_.identity());
  }
  void append(const NewRecord& record) {
    log_.commit(log_.append({{record}, {}}).value().position);
  }
  Error error(const VerifyOptions& options = {}) {
    const auto report = verify(log_, codec_, options);
    EXPECT_FALSE(report);
    return report ? Error{} : report.error();
  }

  Codec codec_;
  MemoryEventLog log_{kTestLog};
};

TEST_F(VerifyTest, AcceptsAnEmptyAndAWholeLog) {
  ASSERT_TRUE(verify(log_, codec_, {}));
  for (std::uint64_t position = 1; position <= 5; ++position) append(request(position));
  const auto report = verify(log_, codec_, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->events, 5u);
  EXPECT_EQ(report->head, log_.head());
}

TEST_F(VerifyTest, NamesTheFirstPositionThatHoldsAnotherEvent) {
  append(request(1));
  append(request(7));
  append(request(3));
  EXPECT_EQ(error().code, ErrorCode::kCorruption);
  EXPECT_NE(error().message.find("position 2 holds an event of another position"),
            std::string::npos);
}

TEST_F(VerifyTest, NamesAnEventThatCannotBeRead) {
  append(request(1));
  NewRecord broken = request(2);
  broken.bytes[0] = '[';
  append(broken);
  EXPECT_NE(error().message.find("position 2 is not a readable event"), std::string::npos);
}

TEST_F(VerifyTest, NoticesAnEventThatTheIndexDoesNotKnow) {
  NewRecord untagged = request(1);
  untagged.tags.pop_back();
  append(untagged);
  EXPECT_NE(error().message.find("position 1 is missing from the tag index"), std::string::npos);
  EXPECT_TRUE(verify(log_, codec_, {.check_tags = false}));
}

TEST_F(VerifyTest, NoticesAWrongRunningMaximum) {
  NewRecord record = request(1);
  record.time += std::chrono::hours{1};
  append(record);
  EXPECT_NE(error().message.find("running maximum"), std::string::npos);
}

TEST_F(VerifyTest, FindsAnEarlierHead) {
  append(request(1));
  const Head early = log_.head();
  append(request(2));
  EXPECT_TRUE(verify(log_, codec_, {.expected = {{early.position, early.hash}}}));
  EXPECT_TRUE(verify(log_, codec_, {.expected = {{Position{0}, kTestLog.genesis()}}}));
  EXPECT_EQ(error({.expected = {{Position{2}, early.hash}}}).code, ErrorCode::kConflict);
  EXPECT_EQ(error({.expected = {{Position{3}, early.hash}}}).code, ErrorCode::kConflict);
}

// What a stored log would have to hold, which no appending one ever writes.
class LyingLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;

  Status read(Position after, std::size_t limit, const RecordVisitor& visit) const override {
    return ForwardingLog::read(after, limit, [&](RecordView record) {
      if (record.position >= cut_from) return false;
      if (record.position == changed) record.epoch = Epoch{record.epoch.value() + 1};
      return visit(record);
    });
  }
  Head head() const override {
    Head told = ForwardingLog::head();
    if (is_head_wrong) told.hash[0] ^= 1;
    return told;
  }

  Position changed;  // whose epoch is one later
  Position cut_from{UINT64_MAX};
  bool is_head_wrong = false;
};

class LyingLogTest : public VerifyTest {
 protected:
  LyingLogTest() {
    for (std::uint64_t position = 1; position <= 3; ++position) append(request(position));
  }
  std::string why() {
    const auto report = verify(lying_, codec_, {});
    if (report) return "nothing wrong";
    EXPECT_EQ(report.error().code, ErrorCode::kCorruption);
    return report.error().message;
  }

  LyingLog lying_{log_};
};

TEST_F(LyingLogTest, EpochsOnlyGrow) {
  lying_.changed = Position{3};
  EXPECT_EQ(why(), "nothing wrong");
  lying_.changed = Position{2};
  EXPECT_EQ(why(), "position 3 goes back to an earlier epoch");
}

TEST_F(LyingLogTest, TheHeadIsTheEndOfTheChain) {
  EXPECT_EQ(why(), "nothing wrong");
  lying_.is_head_wrong = true;
  EXPECT_EQ(why(), "the log's head is not the end of its chain");
}

TEST_F(LyingLogTest, ALogThatEndsBeforeItsEndIsNotVerifiedForEver) {
  lying_.cut_from = Position{3};
  EXPECT_EQ(why(), "position 3 is missing");
}

TEST(ExpectedHeadTest, ParsesPositionAndHash) {
  const Sha256 hash = sha256({"x"});
  const auto parsed = parse_expected_head("12:" + to_hex(hash));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->position, Position{12});
  EXPECT_EQ(parsed->hash, hash);
  for (const char* text : {"", "12", "12:", ":00", "x:00"}) {
    EXPECT_FALSE(parse_expected_head(text)) << text;
  }
}

}  // namespace
}  // namespace citas

#include "projections/checkpoint.h"

#include <gtest/gtest.h>

#include "events/memory/memory_event_log.h"
#include "tests/unit/projections/history.h"

namespace citas::projections {
namespace {

using testing::History;
using testing::kTestLog;
using testing::uuid;

const ModelVersion kModel{.name = "some_model", .version = 3, .codec_revision = 2};

Checkpoint checkpoint_at(const EventLog& log, std::uint64_t position) {
  Checkpoint checkpoint = initial_checkpoint(log, kModel);
  const auto record = read_one(log, Position{position}).value();
  checkpoint.head = {record.epoch, record.position, record.hash};
  checkpoint.digest.add(entry_hash("key", "value"));
  checkpoint.entries = 1;
  return checkpoint;
}

class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() { History(log_).random_steps(5); }

  MemoryEventLog log_{kTestLog};
};

TEST_F(CheckpointTest, SurvivesItsEncoding) {
  const Checkpoint checkpoint = checkpoint_at(log_, 4);
  EXPECT_EQ(decode_checkpoint(encode(checkpoint)), checkpoint);
}

TEST_F(CheckpointTest, BytesThatAreCutOrOfAnotherFormatAreCorruption) {
  const std::string bytes = encode(checkpoint_at(log_, 4));
  EXPECT_EQ(decode_checkpoint("").error().code, ErrorCode::kCorruption);
  EXPECT_EQ(decode_checkpoint(bytes.substr(0, 100)).error().code, ErrorCode::kCorruption);
  std::string other_format = bytes;
  other_format.front() = 2;
  EXPECT_EQ(decode_checkpoint(other_format).error().code, ErrorCode::kCorruption);
}

TEST_F(CheckpointTest, FitsTheLogThatItWasMadeFrom) {
  EXPECT_TRUE(verify(initial_checkpoint(log_, kModel), log_, kModel));
  for (std::uint64_t position = 1; position <= 5; ++position) {
    EXPECT_TRUE(verify(checkpoint_at(log_, position), log_, kModel)) << position;
  }
}

TEST_F(CheckpointTest, DoesNotFitAnotherVersion) {
  const Checkpoint checkpoint = checkpoint_at(log_, 4);
  for (const ModelVersion& other :
       {ModelVersion{"other_model", 3, 2}, {"some_model", 4, 2}, {"some_model", 3, 1}}) {
    EXPECT_EQ(verify(checkpoint, log_, other).error().code, ErrorCode::kFailedPrecondition);
  }
}

TEST_F(CheckpointTest, DoesNotFitAnotherLog) {
  MemoryEventLog other(LogIdentity{LogId{uuid(8)}});
  History(other).random_steps(5);
  EXPECT_EQ(verify(checkpoint_at(log_, 4), other, kModel).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(verify(initial_checkpoint(log_, kModel), other, kModel).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(CheckpointTest, AnotherLogIsCalledThat) {
  MemoryEventLog other(LogIdentity{LogId{uuid(8)}});
  const Status fits = verify(initial_checkpoint(log_, kModel), other, kModel);
  EXPECT_NE(fits.error().message.find("is of another log"), std::string::npos);
}

TEST_F(CheckpointTest, DoesNotFitAnotherEpoch) {
  Checkpoint checkpoint = checkpoint_at(log_, 4);
  checkpoint.head.epoch = Epoch{checkpoint.head.epoch.value() + 1};
  EXPECT_EQ(verify(checkpoint, log_, kModel).error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(CheckpointTest, DoesNotFitALogThatEndsBeforeIt) {
  MemoryEventLog older(kTestLog);
  History(older).random_steps(3);
  EXPECT_TRUE(verify(checkpoint_at(log_, 3), older, kModel));
  EXPECT_EQ(verify(checkpoint_at(log_, 4), older, kModel).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(CheckpointTest, DoesNotFitALogThatWentAnotherWay) {
  MemoryEventLog other(kTestLog);
  History(other, 2).random_steps(5);
  EXPECT_EQ(verify(checkpoint_at(log_, 4), other, kModel).error().code,
            ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace citas::projections

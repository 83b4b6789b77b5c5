// What operators are told to do about RocksDB's errors.
#include "events/base/rocksdb/next_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace citas {
namespace {

using rocksdb::Status;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(NextStep, OfWhatIsWrong) {
  EXPECT_THAT(next_step(Status::Corruption("block checksum mismatch")), HasSubstr("corrupted-log"));
  EXPECT_THAT(next_step(Status::NoSpace("while appending")), HasSubstr("disk-full"));
  EXPECT_THAT(next_step(Status::IOError("While fdatasync", "Input/output error")),
              HasSubstr("disk-dying"));
  EXPECT_THAT(next_step(Status::Busy()), IsEmpty());
}

TEST(NextStep, NoDiskIsToBlameForWhatIsRefused) {
  EXPECT_THAT(next_step(Status::IOError("While mkdir: data/log", "Permission denied")),
              HasSubstr("as the user"));
  EXPECT_THAT(next_step(Status::IOError("While mkdir: /dev/null/log", "Not a directory")),
              HasSubstr("check the path"));
  EXPECT_THAT(next_step(Status::IOError("While open a file: 000015.log", "Too many open files")),
              HasSubstr("citas doctor"));
  EXPECT_THAT(next_step(Status::IOError("While appending to file: 000015.log", "File too large")),
              HasSubstr("limit of a file's size"));
}

}  // namespace
}  // namespace citas

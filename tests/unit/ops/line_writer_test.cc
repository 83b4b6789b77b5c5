// Given a reader who may have stopped reading, when lines are written, then nobody waits for ever.
#include "ops/citas/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

namespace citas::ops {
namespace {

using std::chrono::milliseconds;

class LineWriterTest : public testing::Test {
 protected:
  LineWriterTest() {
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    EXPECT_GT(::fcntl(ends_[0], F_SETPIPE_SZ, 4'096), 0);
  }
  ~LineWriterTest() override {
    for (const int end : ends_) ::close(end);
  }
  std::string read(std::size_t size) const {
    std::string text(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const ssize_t more = ::read(ends_[0], text.data() + got, size - got);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    text.resize(got);
    return text;
  }

  std::array<int, 2> ends_{-1, -1};
  const std::string much_ = std::string(10'000, 'a') + std::string(10'000, 'b');
};

TEST_F(LineWriterTest, WaitsForASlowReader) {
  LineWriter lines(ends_[1]);
  std::jthread writer([&] { lines.write(much_); });
  EXPECT_EQ(read(much_.size()), much_);
}

TEST_F(LineWriterTest, DropsWhatNobodyReadsOnceItIsInAHurry) {
  LineWriter lines(ends_[1]);
  std::jthread writer([&] { lines.write(much_); });
  EXPECT_EQ(read(10), std::string(10, 'a'));  // it has begun
  lines.hurry(milliseconds{10});
  writer.join();
  for (int i = 0; i < 10'000; ++i) lines.write("nor does any of these wait");
}

TEST_F(LineWriterTest, AReaderWhoReadsGetsTheLastLinesInAHurryToo) {
  LineWriter lines(ends_[1]);
  lines.hurry(std::chrono::minutes{1});
  std::jthread writer([&] { lines.write(much_); });
  EXPECT_EQ(read(much_.size()), much_);
}

}  // namespace
}  // namespace citas::ops

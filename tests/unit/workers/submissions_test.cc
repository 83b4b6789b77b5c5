// Who is woken by the answers to commands, and who no longer.
#include "workers/submissions.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/workers/log_world.h"

namespace citas::workers {
namespace {

class SubmissionsTest : public testing::Test {
 protected:
  void submit() {
    const Message message{.subject = "s", .headers = {}, .payload = {}, .reply = {}};
    commands::Command command{.data = commands::RequestAppointment{}, .actor = "test"};
    ASSERT_TRUE(submissions_->submit(message, std::move(command)));
  }
  bool is_woken() { return wakeup_.wait_for(std::chrono::milliseconds{0}); }

  LogWorld world_;
  Wakeup wakeup_;
  std::unique_ptr<Submissions> submissions_ =
      std::make_unique<Submissions>(world_.sequencer, wakeup_, 2);
};

TEST_F(SubmissionsTest, AnAnswerWakesTheOwner) {
  submit();
  EXPECT_EQ(submissions_->free(), 1U);
  EXPECT_FALSE(is_woken());
  world_.step_sequencer();
  EXPECT_TRUE(is_woken());
  std::vector<Submissions::Answered> answered;
  submissions_->poll(answered);
  ASSERT_EQ(answered.size(), 1U);
  EXPECT_EQ(answered[0].message.subject, "s");
  EXPECT_EQ(submissions_->free(), 2U);
}

TEST_F(SubmissionsTest, AnAnswerAfterTheOwnersEndWakesNobody) {
  submit();
  submissions_.reset();
  world_.step_sequencer();
  EXPECT_FALSE(is_woken());
}

}  // namespace
}  // namespace citas::workers

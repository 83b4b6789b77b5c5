#include "api/pending_writes.h"

#include <utility>
#include <vector>

namespace citas::api {

commands::Completion PendingWrites::track(Answer answer) {
  auto shared = std::make_shared<const Answer>(std::move(answer));
  {
    const std::lock_guard lock(mutex_);
    // The sequencer answers in order, so what is answered gathers at the front.
    while (!waiting_.empty() && waiting_.front().answer.expired()) waiting_.pop_front();
    waiting_.push_back({clock_.monotonic() + timeout_, shared});
  }
  return [shared = std::move(shared)](commands::Outcome outcome) { (*shared)(std::move(outcome)); };
}

void PendingWrites::expire() {
  std::vector<std::shared_ptr<const Answer>> late;
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.monotonic();
    for (; !waiting_.empty() && waiting_.front().deadline <= now; waiting_.pop_front()) {
      if (auto answer = waiting_.front().answer.lock()) late.push_back(std::move(answer));
    }
  }
  for (const auto& answer : late) {
    (*answer)(tl::unexpected<commands::Refusal>(
        Error{ErrorCode::kUnknownOutcome, "the write was not answered in time"}));
  }
}

}  // namespace citas::api

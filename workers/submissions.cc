#include "workers/submissions.h"

#include <utility>

namespace citas::workers {

Submissions::~Submissions() {
  std::scoped_lock lock(answers_->mutex);
  answers_->wakeup = nullptr;
}

Status Submissions::submit(const Message& message, commands::Command command) {
  const std::uint64_t ticket = next_ticket_++;
  auto answered = [answers = answers_, ticket](commands::Outcome outcome) {
    std::scoped_lock lock(answers->mutex);
    answers->arrived.emplace_back(ticket, std::move(outcome));
    if (answers->wakeup != nullptr) answers->wakeup->notify();
  };
  auto submitted = sequencer_.submit(std::move(command), std::move(answered));
  if (submitted) in_flight_.emplace(ticket, message);
  return submitted;
}

void Submissions::poll(std::vector<Answered>& out) {
  std::vector<std::pair<std::uint64_t, commands::Outcome>> arrived;
  {
    std::scoped_lock lock(answers_->mutex);
    arrived.swap(answers_->arrived);
  }
  for (auto& [ticket, outcome] : arrived) {
    auto entry = in_flight_.extract(ticket);
    out.push_back({std::move(entry.mapped()), std::move(outcome)});
  }
}

}  // namespace citas::workers

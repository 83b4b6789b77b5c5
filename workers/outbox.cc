#include "workers/outbox.h"

#include <utility>

namespace citas::workers {
namespace {

// The bus did not take what followed from a message; soon enough, and not in a tight loop.
constexpr std::chrono::milliseconds kPutBackDelay{500};

}  // namespace

void Outbox::publish(OutboxItem item, const Publication& publication) {
  if (!publisher_->publish(next_ticket_, publication)) {
    put_back(item);
    return;
  }
  // A publication is much smaller to remember without the payload that led to it.
  item.message.payload.clear();
  waiting_.emplace_hint(waiting_.end(), next_ticket_++, std::move(item));
}

bool Outbox::settle() {
  completions_.clear();
  publisher_->poll(completions_);
  for (const Completion& completion : completions_) {
    const auto found = waiting_.find(completion.ticket);
    if (found == waiting_.end()) continue;
    const OutboxItem& item = found->second;
    if (!completion.outcome) {
      put_back(item);
    } else {
      const bool terminate = item.settlement == Settlement::kTerminate;
      // If this gets lost, the message comes again and is settled again.
      static_cast<void>(terminate ? item.source->term(item.message)
                                  : item.source->ack(item.message));
      (terminate ? counters_.dead_letters : counters_.completed).add();
      on_settled_(item);
    }
    waiting_.erase(found);
  }
  return !completions_.empty();
}

void Outbox::put_back(const OutboxItem& item) {
  counters_.retries.add();
  // If this gets lost too, the message comes again after ack_wait.
  static_cast<void>(item.source->nak(item.message, kPutBackDelay));
}

}  // namespace citas::workers

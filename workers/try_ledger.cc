#include "workers/try_ledger.h"

#include <vector>

namespace citas::workers {

Status TryLedger::settle_past() {
  if (auto excused = excuse_unfinished(); !excused) return excused;
  return charge_interrupted();
}

Result<std::optional<std::uint32_t>> TryLedger::count(const std::string& message) const {
  return store_->tries(message);
}

Status TryLedger::start(std::span<const Tries> messages, bool alone) {
  alone_ = alone;
  std::vector<Tries> noted;
  for (const auto& [message, tries] : messages) {
    unfinished_[message] = tries;
    if (!alone) noted.push_back({message, 0});
    if (alone && !is_spent(tries)) noted.push_back({message, tries + 1});
  }
  return noted.empty() ? Status{} : store_->note_tries(noted);
}

Status TryLedger::start_try(const std::string& message) {
  return alone_ ? Status{} : store_->begin_try(message);
}

Status TryLedger::note_failed(const Tries& message) {
  unfinished_[message.message] = message.count;
  // Counted before the try; of a group, at once: it may never come to its end.
  return alone_ ? Status{} : store_->note_tries({&message, 1});
}

Status TryLedger::finish() {
  if (auto ended = store_->begin_try({}); !ended) return ended;
  unfinished_.clear();
  return {};
}

Status TryLedger::excuse_unfinished() {
  if (unfinished_.empty()) return {};
  CountryChanges changes;
  for (const auto& [message, tries] : unfinished_) {
    if (tries == 0) {
      changes.settled.push_back(message);
    } else {
      changes.failed.push_back({message, tries});
    }
  }
  if (auto committed = store_->commit(changes); !committed) return committed;
  return finish();
}

Status TryLedger::charge_interrupted() {
  if (charged_interrupted_) return {};
  const std::string message = store_->begun_try();
  if (auto charged = message.empty() ? Status{} : charge(message); !charged) return charged;
  charged_interrupted_ = true;
  return {};
}

// Who was noted and not counted was being tried in a group.
Status TryLedger::charge(const std::string& message) {
  const auto tries = store_->tries(message);
  if (!tries) return failure(tries.error());
  if (tries->value_or(1) == 0) {
    const std::vector<Tries> charged{{message, 1}};
    if (auto noted = store_->note_tries(charged); !noted) return noted;
  }
  return store_->begin_try({});
}

}  // namespace citas::workers

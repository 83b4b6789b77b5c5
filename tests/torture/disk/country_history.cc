#include "tests/torture/disk/country_history.h"

#include <algorithm>

#include "tests/support/events.h"

namespace citas::torture {
namespace {

using workers::CountryEntry;

constexpr int kCommitsOfALife = 4;
constexpr unsigned char kAppointments = 30;
constexpr std::size_t kEntriesOfACommit = 3;

AppointmentId appointment(unsigned char number) { return AppointmentId{testing::uuid(number)}; }

}  // namespace

Result<CountryAnswers> ask(const workers::CountryStore& store) {
  CountryAnswers answers{.mark = store.mark(), .entries = {}};
  for (unsigned char number = 1; number <= kAppointments; ++number) {
    const auto entry = store.find(appointment(number));
    if (!entry) return failure(entry.error());
    if (*entry) answers.entries[number] = **entry;
  }
  return answers;
}

Status CountryHistory::live(workers::CountryStore& store) {
  if (const Status begun = begin(store); !begun) return begun;
  for (int commit = 0; commit < kCommitsOfALife; ++commit) {
    CountryAnswers next = states_.back();
    const workers::CountryChanges changes = invent(next);
    next.mark = workers::raised(next.mark, changes);
    states_.push_back(std::move(next));
    if (const Status done = store.commit(changes); !done) return done;
    acknowledged_ = states_.size();
  }
  return {};
}

// A store that is empty is given its log; any other goes on.
Status CountryHistory::begin(workers::CountryStore& store) {
  auto held = ask(store);
  if (!held) return failure(held.error());
  if (*held != states_.back()) states_.push_back(*std::move(held));
  if (!states_.back().mark.log_source.empty()) {
    acknowledged_ = states_.size();
    return {};
  }
  states_.push_back({.mark = {.log_source = "a-log"}, .entries = {}});
  if (const Status reset = store.reset("a-log"); !reset) return reset;
  acknowledged_ = states_.size();
  return {};
}

// A few entries, new ones and changed ones.
workers::CountryChanges CountryHistory::invent(CountryAnswers& next) {
  workers::CountryChanges changes;
  for (std::size_t n = 0; n < kEntriesOfACommit; ++n) {
    const auto number = static_cast<unsigned char>(1 + random_() % kAppointments);
    CountryEntry entry;
    if (random_() % 4 != 0) {
      entry.state = workers::EntryState::kRegistered;
      entry.request = AppointmentRequested{testing::ref(number), {}};
      entry.registration = workers::registration_of(testing::country("PE"), appointment(number));
    }
    next.entries[number] = entry;
    const auto same = [&](const auto& other) { return other.appointment == appointment(number); };
    std::erase_if(changes.entries, same);
    changes.entries.push_back({appointment(number), entry});
  }
  changes.processed = next.mark.processed + kEntriesOfACommit;
  changes.hash = "hash-" + std::to_string(changes.processed);
  return changes;
}

}  // namespace citas::torture

// TryLedger: keeps account, in a country's store, of how often each message was tried, so that one
// that fails, ends the process or makes it hang is charged for it, and its neighbours are not.
//
// Messages are tried in groups, or alone when the store knows them already. All of a group are
// noted, uncounted, before the first is tried, and then the one that is being tried just now. A
// message alone is counted before its try. So whatever ends a process, the next one finds who was
// being tried, and tries those that were around it alone. What a store that failed kept from being
// finished is not the messages' fault: they get back what they had.
//
// Errors of every call: the store cannot be read or written, and is of no use any more; begin()
// with another. Counts survive a crash of the process, not necessarily power loss. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "workers/country_store.h"

namespace citas::workers {

class TryLedger {
 public:
  // `max_tries`: a message that failed so often is given up, and counted no further.
  explicit TryLedger(std::uint32_t max_tries) : max_tries_(max_tries) {}

  // Keeps its account in that store from now on. Borrows it, until it is given another.
  void begin(CountryStore& store) { store_ = &store; }
  // Before anything is tried: excuses what a store that failed kept from being finished, and
  // charges, once, whom an earlier process was up to when it ended.
  Status settle_past();

  // nullopt: it was not tried yet, and may be tried in a group.
  Result<std::optional<std::uint32_t>> count(const std::string& message) const;
  bool is_spent(std::uint32_t tries) const { return tries >= max_tries_; }

  // What is tried next, each with its tries so far: a group, or one that is `alone`.
  Status start(std::span<const Tries> messages, bool alone);
  // Of what was started, this one is tried now.
  Status start_try(const std::string& message);
  // It has failed; this try is counted in.
  Status note_failed(const Tries& message);
  // All of it was tried, and what came of it is committed.
  Status finish();

 private:
  Status excuse_unfinished();
  Status charge_interrupted();
  Status charge(const std::string& message);

  const std::uint32_t max_tries_;
  CountryStore* store_ = nullptr;
  bool charged_interrupted_ = false;
  bool alone_ = false;  // what was started last
  // What is being tried, and how often each has failed; after an error, what that left.
  std::map<std::string, std::uint32_t> unfinished_;
};

}  // namespace citas::workers

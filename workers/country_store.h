// CountryStore: a country's own store of registrations, and what its processor must remember to be
// safe against repetition, crashes and lost consumers.
//
// It can be deleted at any time: it is filled again by reprocessing the events. One owner process,
// one thread. Adapters: rocksdb/ and memory/; both pass tests/contract/workers.
//
// A store that has failed is closed and opened anew, and then says what it holds: what was
// acknowledged, or what it held at some time before that. A sync that failed is not tried again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "workers/registration.h"

namespace citas::workers {

// How far the store has come, and in which log. Empty and 0 in a new store.
struct CountryMark {
  std::string log_source;  // where the events in it are from: origin_of(), event_message.h
  // A sequence of CITAS_EVENTS: what followed from each of the country's events up to it is in this
  // store, and on the bus. Never ahead of that.
  std::uint64_t processed = 0;
  // The last of the country's events that may have left something in this store, and its
  // Citas-Hash, which tells whether a stream went the same way up to there; empty when it had none.
  std::uint64_t seen = 0;
  std::string hash;
  friend bool operator==(const CountryMark&, const CountryMark&) = default;
};

// How often a message was tried. Zero: it was part of a group that was not finished, and not the
// one that was being tried when that ended.
struct Tries {
  std::string message;  // tries_key(), redelivery.h
  std::uint32_t count = 0;
};

struct CountryChanges {
  struct Entry {
    AppointmentId appointment;
    CountryEntry entry;
  };
  std::vector<Entry> entries;
  std::vector<Tries> failed;         // tried, and to be tried again, or given up
  std::vector<std::string> settled;  // messages whose tries can be forgotten
  // Events whose sendings all have come to an end, so that the tries of each can be.
  std::vector<std::string> ended;
  // These raise the mark; 0, or less than it, leaves it.
  std::uint64_t processed = 0;
  std::uint64_t seen = 0;
  std::string hash;  // of the message at `seen`
};

// Whether they must survive power loss. What else there is is found out again.
bool must_sync(const CountryChanges& changes);
// The mark as it is after the changes.
CountryMark raised(CountryMark mark, const CountryChanges& changes);

// After an error it can only be closed. Corruption: what is stored is damaged.
class CountryStore {
 public:
  // Closes it. What was acknowledged before an error is kept.
  virtual ~CountryStore() = default;

  virtual CountryMark mark() const = 0;
  virtual Result<std::optional<CountryEntry>> find(AppointmentId appointment) const = 0;
  // nullopt: not being tried.
  virtual Result<std::optional<std::uint32_t>> tries(std::string_view message) const = 0;

  // Remembers what is about to be tried. Survives a crash of the process (which is what a poisonous
  // message causes), not necessarily power loss.
  virtual Status note_tries(std::span<const Tries> tries) = 0;
  // Remembers which message of a group is being tried; empty: none. Survives what note_tries()
  // does, and costs much less.
  virtual Status begin_try(std::string_view message) = 0;
  // What was said last, also before the store was opened: whom an interrupted group was up to.
  virtual std::string begun_try() const = 0;
  // All or nothing, in the order of the calls. Survives power loss where must_sync(); else it may
  // be undone by it: the mark falls back, and events are processed once more.
  virtual Status commit(const CountryChanges& changes) = 0;
  // Forgets everything and belongs to that log from now on. Durable.
  virtual Status reset(std::string_view log_source) = 0;
};

// Where a country's store is kept. One thread.
class CountryStoreHome {
 public:
  virtual ~CountryStoreHome() = default;
  // Opens the store, or makes one where there is none; one at a time. FailedPrecondition: another
  // process holds it, or it is of another country or an unknown format. Corruption: it is damaged.
  // Unavailable: the disk does not let it be opened now.
  virtual Result<std::unique_ptr<CountryStore>> open() = 0;
  // Deletes a store that nobody has open. What stays of it is seen when it is opened.
  virtual void discard() = 0;
};

// Entries as JSON objects, for adapters that store bytes.
std::string encode(const CountryEntry& entry);
// Corruption: not what encode() wrote.
Result<CountryEntry> decode_country_entry(std::string_view bytes);

}  // namespace citas::workers

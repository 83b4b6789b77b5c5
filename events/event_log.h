// EventLog: the only truth. An append-only sequence of events with gapless positions, a hash chain,
// and an index by tag.
//
// Written by one owner, the sequencer; read by anyone. `head` is what is durable here, `committed`
// what is final: readers see nothing beyond `committed` unless they ask for it. No call waits for
// an event to come; drivers that want to sleep use add_commit_listener().
//
// Adapters: rocksdb/ (durable) and memory/ (tests). Both pass tests/contract/events.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.h"
#include "events/base/sha256.h"
#include "events/base/time.h"
#include "events/ids.h"
#include "events/log_identity.h"
#include "events/tags.h"

namespace citas {

// The end of the log, or of a prefix of it: enough to tell whether another log contains it.
struct Head {
  Epoch epoch;
  Position position;
  Sha256 hash;  // of the chain up to and including `position`; the genesis at position 0
  friend bool operator==(const Head&, const Head&) = default;
};

// An event ready to be stored. `bytes` carries the position it will get: head().position + 1 for
// the first of a batch, then one more each.
struct NewRecord {
  std::string bytes;
  Timestamp time;
  TenantId tenant = kDefaultTenant;
  std::vector<Tag> tags;
};

// Which command has had which outcome: opaque to the log, kept for ever.
using CommandKey = Sha256;
struct CommandResult {
  CommandKey key;
  std::string value;  // at most kMaxCommandResultSize bytes
  Position answer;    // of the event that the outcome tells of; at most the batch's last
};
inline constexpr std::size_t kMaxCommandResultSize = 64;

// A command's outcome in the list that follows the log: from this position on it was known. The
// view lives only during the visit.
struct ListedResult {
  Position position;
  CommandKey key;
  std::string_view value;
};

// Returns false to stop reading.
using ResultVisitor = std::function<bool(const ListedResult&)>;

struct AppendBatch {
  std::vector<NewRecord> records;
  std::vector<CommandResult> results;
};

// A stored record. The views live only during the visit.
struct RecordView {
  Position position;
  Epoch epoch;
  Timestamp running_maximum;  // the latest time of this event and all before it
  Sha256 hash;
  std::string_view bytes;
};

// Returns false to stop reading.
using RecordVisitor = std::function<bool(const RecordView&)>;

enum class Direction { kForward, kBackward };
enum class Visibility { kCommitted, kHead };

struct TagQuery {
  TenantId tenant = kDefaultTenant;
  Tag tag;
  Direction direction = Direction::kForward;
  // Only positions in [first, last]; `last` is cut to what is visible.
  Position first{1};
  Position last{UINT64_MAX};
  Visibility visibility = Visibility::kCommitted;
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  virtual const LogIdentity& identity() const = 0;
  virtual Epoch epoch() const = 0;
  // A secret of this log, for keyed fingerprints. Never leaves the process.
  virtual std::string_view fingerprint_key() const = 0;

  // --- Writing: one thread at a time, the sequencer's. ---

  // Stores the whole batch or nothing. On success it survives kill -9 and power loss.
  // UnknownOutcome: a write or sync failed; any other: nothing was written. The log then refuses
  // every further append (Unavailable); the process must stop and reopen it. Nothing is retried.
  virtual Result<Head> append(const AppendBatch& batch) = 0;
  // Makes everything up to `position` visible. Never moves back; never beyond head().
  virtual void commit(Position position) = 0;

  // --- Reading: any thread. ---

  virtual Head head() const = 0;
  virtual Position committed() const = 0;

  // Visits the records after `after` in order, at most `limit` of them. Never blocks on new ones.
  // Corruption: stored bytes are wrong (the message names the position).
  virtual Status read(Position after, std::size_t limit, const RecordVisitor& visit) const = 0;
  // Visits the records that carry a tag, in the order of query.direction.
  virtual Status read_tag(const TagQuery& query, const RecordVisitor& visit) const = 0;
  // The outcome stored with a command; nullopt when there is none. Sees everything up to head().
  virtual Result<std::optional<std::string>> command_result(const CommandKey& key) const = 0;
  // Visits the outcomes listed from `first` to `last`, in order of position. An outcome is listed
  // where the event that it tells of lies; one that tells of an event older than its batch, where
  // the log ended before that batch. So what is listed at the log's end may still grow.
  // FailedPrecondition: the log was last written by a version that kept no list.
  virtual Status read_results(Position first, Position last, const ResultVisitor& visit) const = 0;

  // Called with the new committed position after every commit(), on the writer's thread: must not
  // block. All listeners are added before the first append and outlive the log.
  virtual void add_commit_listener(std::function<void(Position)> listener) = 0;
};

// A record with bytes of its own.
struct StoredRecord {
  Position position;
  Epoch epoch;
  Timestamp running_maximum;
  Sha256 hash;
  std::string bytes;
};
// The visible record at `position`. NotFound: there is none (yet). Corruption: as read().
Result<StoredRecord> read_one(const EventLog& log, Position position);

}  // namespace citas

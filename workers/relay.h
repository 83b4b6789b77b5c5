// Relay: copies the log to the bus, in order, each event once.
//
// The only writer of CITAS_EVENTS; stream sequence = log position, kept by publishing with the
// expected last sequence. It keeps no cursor: the stream's last message says how far it is, and its
// hash whether it is a copy of this log. If it is not (another log, one restored to another epoch
// since, a lost or damaged part), all streams and consumers are deleted and everything is published
// again from position 1. It looks after every connect and every failure, since the bus behind a new
// connection may have lost things; and then goes on to compare all that the stream holds
// (stream_audit.h). What an operator deletes, purges or writes behind its back shows in the state
// of the streams, which it asks for every two seconds. Streams that it had filled and finds to be
// of another log were taken by a server that should have a bus of its own: they are taken back,
// after pauses that grow, and it is told for as long as it goes on. So are those that a copy of
// this very log took, which has its identity and has gone on by itself. On a bus that others may
// use, too, streams of another log are not deleted at all, unless that log is named: they may be a
// running server's, or the last copy of a log that is lost.
//
// Thread-safety: step() on one thread; stats() on any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "events/base/clock.h"
#include "events/event_log.h"
#include "events/log_identity.h"
#include "workers/bus.h"
#include "workers/counters.h"
#include "workers/country_chain.h"
#include "workers/event_message.h"
#include "workers/piece.h"
#include "workers/stream_audit.h"

namespace citas::workers {

// Whether the streams of another log, named by its source, may be deleted for this one's. Null:
// those of any.
using MayReplace = std::function<bool(std::string_view source)>;

// Ok: the streams are this log's, or nobody's, or may be replaced. Unavailable: the bus does not
// tell now. FailedPrecondition: says whose they are, and what to do.
Status check_streams_are_free(Bus& bus, const LogIdentity& log, const MayReplace& may_replace);

struct RelayOptions {
  std::size_t window = 2'048;   // events in flight
  std::size_t max_batch = 512;  // events read and published in one step
  AuditOptions audit = {};
  MayReplace may_replace = {};
  // Told why, whenever the streams are deleted and made again; on the relay's thread.
  std::function<void(const std::string& why)> on_replaced = [](const std::string&) {};
};

struct RelayStats {
  std::uint64_t published = 0;       // position up to which the bus has acknowledged
  std::uint64_t lag_events = 0;      // committed, not acknowledged by the bus
  std::chrono::milliseconds lag{0};  // age of the oldest of those
  std::uint64_t rebuilds = 0;        // how often the streams did not match and were made again
  StorageUse storage;                // of the bus, as of a few seconds ago
};

class Relay final : public Piece {
 public:
  // Borrows all three.
  static Result<std::unique_ptr<Relay>> open(const EventLog& log, Bus& bus, const Clock& clock,
                                             const RelayOptions& options);

  std::string_view name() const override { return "relay"; }
  // Error: Corruption, the log cannot be read.
  Result<bool> step() override;
  RelayStats stats() const;
  // Somebody finds that the bus does not deliver what the log has: all that the stream holds is
  // compared once more, though not again for ten minutes. Any thread.
  void doubt_stream() { doubted_ = true; }
  // Whether the streams were this log's when they were last looked at, and are not left to another
  // server since; false before that. Who takes
  // part in what happens on a bus of another log takes its messages away. Any thread.
  bool bus_is_ours() const { return bus_is_ours_; }
  // Why the streams cannot be brought in line with the log, or what the bus said when it refused an
  // event: that stays until it takes one. Empty when all is well. Any thread.
  std::string trouble() const { return trouble_.text(); }

 private:
  Relay(const EventLog& log, Bus& bus, const Clock& clock, const RelayOptions& options,
        std::unique_ptr<Publisher> publisher, std::unique_ptr<StreamAudit> audit)
      : log_(log),
        bus_(bus),
        clock_(clock),
        options_(options),
        publisher_(std::move(publisher)),
        audit_(std::move(audit)),
        chain_(log) {}

  // Finds out where the stream ends, and makes it fit the log. False: not possible now.
  Result<bool> reconcile();
  // The position that the streams are in line with the log up to, if need be made so.
  Result<Position> bring_in_line();
  // The position that the stream holds a copy up to. Conflict, saying why: it is no copy of this
  // log.
  Result<Position> verified_end();
  Result<Position> make_again(const std::string& why);
  // Unavailable: somebody has just deleted streams. nats-server 2.9.10 gives their names free
  // before it has deleted their files, and takes those of streams that are made meanwhile away with
  // them: it then refuses every message, or crashes.
  Status await_deletions();
  // Creates what is missing. What somebody has sealed, or made for something else, will never be
  // what is needed, and is made anew.
  Status make_usable();
  Status make_again(const StreamSpec& spec, const std::string& why);
  // Those that hold nothing of their own. nats-server 2.9.10 loses its way in a block out of which
  // damage was cut: what is stored behind it is never delivered. What such a stream held comes
  // again when the reconciler asks for it.
  Status mend_other_streams();
  // Into others_log_, by the stream's last message.
  void note_writer(const StoredMessage& last);
  // Unavailable: another server has just taken the streams, which are left to it for a while.
  Status leave_to_rival();
  void forget_rival();
  void tell_trouble() { trouble_.set(refusal_.empty() ? rival_ : refusal_); }
  // False when a stream is not as it was left: gone, shorter, or written to by others.
  bool streams_are_as_left();
  // Puts back what can be. False when a stream has to be made anew.
  bool settings_are_as_left();
  bool is_as_left(const StreamSpec& spec, const StreamInfo& info) const;
  void audit_doubted_stream();
  // False when a difference was found, and the streams must be made again.
  Result<bool> audit();
  Result<bool> publish_more();
  // False when the publication was refused.
  Result<bool> publish(const RecordView& record);
  bool settle();
  void note_refusal(Position position, const std::string& why);
  void note_acceptance();
  void look_again();
  void note_lag();
  void note_storage();

  const EventLog& log_;
  Bus& bus_;
  const Clock& clock_;
  const RelayOptions options_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<StreamAudit> audit_;
  EventMessageReader reader_;
  CountryChain chain_;

  bool reconciled_ = false;
  bool is_ours_ = false;    // the stream, when it was last looked at
  std::string others_log_;  // whose it is, where it is another's
  std::string rival_;       // what is told of whoever took it; empty after a while
  Clock::Monotonic rival_seen_{};
  std::chrono::milliseconds rival_pause_{0};
  std::optional<std::string> difference_;  // found by the audit
  std::uint64_t connection_ = 0;           // connection_count() that was reconciled
  std::size_t missing_ = 0;                // streams, since missing_since_
  Clock::Monotonic missing_since_{};
  Clock::Monotonic next_look_{};
  Clock::Monotonic next_streams_look_{};
  Clock::Monotonic next_settings_look_{};
  Clock::Monotonic next_lag_look_{};
  Clock::Monotonic next_storage_look_{};
  Clock::Monotonic next_doubt_{};
  Position sent_;  // last position published
  std::uint64_t in_flight_ = 0;
  std::vector<Completion> completions_;
  std::string refusal_;              // of an event, while none was taken since
  bool refused_since_look_ = false;  // what is refused after the first follows from it

  std::atomic<bool> bus_is_ours_{false};
  std::atomic<bool> doubted_{false};
  Counter acknowledged_;
  Counter oldest_waiting_ms_;  // its time since 1970; 0 when nothing waits
  Counter rebuilds_;
  Counter storage_used_bytes_;
  Counter storage_max_bytes_;  // 0: no limit is known
  Trouble trouble_;
};

}  // namespace citas::workers

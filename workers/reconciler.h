// Reconciler: sends requests that stay pending for too long to their country again.
//
// Whatever the bus has forgotten is healed by this, from the log. A request is sent on
// citas.redeliver.<COUNTRY> when it is pending for `pending_after`, and again after pauses that
// double up to `longest_pause`; the number of the attempt follows from its age alone, and the
// message id is "<eventId>/<attempt>", so that the bus drops what a restart sends twice.
//
// What an operator retries is sent at the next scan, before all others, then after these pauses.
//
// Bounded: one page a step, max_per_scan publications a scan, max_remembered requests in memory.
// One thread; counters from any.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "events/base/clock.h"
#include "events/event_log.h"
#include "workers/bus.h"
#include "workers/counters.h"
#include "workers/event_message.h"
#include "workers/pending_appointments.h"
#include "workers/piece.h"
#include "workers/redelivery.h"

namespace citas::workers {

struct ReconcilerOptions {
  std::chrono::milliseconds pending_after{std::chrono::seconds{15}};
  std::chrono::milliseconds longest_pause{std::chrono::minutes{2}};
  std::chrono::milliseconds scan_interval{std::chrono::seconds{1}};
  std::size_t page = 256;
  std::size_t max_per_scan = 1'024;
  std::size_t max_remembered = 16'384;
};

// Which attempt is due for a request of that age; 0: none yet.
std::uint32_t due_attempt(std::chrono::milliseconds age, const ReconcilerOptions& options);

class Reconciler final : public Piece {
 public:
  // Borrows all but the options.
  static Result<std::unique_ptr<Reconciler>> open(const EventLog& log,
                                                  const PendingAppointments& pending, Bus& bus,
                                                  const Clock& clock,
                                                  const ReconcilerOptions& options);

  std::string_view name() const override { return "reconciler"; }
  // Error: Corruption, the log cannot be read.
  Result<bool> step() override;
  // Requests sent again.
  const Counter& redelivered() const { return redelivered_; }

 private:
  struct Sent {
    std::uint32_t attempt;
    std::uint64_t scan;  // the last one that met it
  };

  Reconciler(const EventLog& log, const PendingAppointments& pending, Bus& bus, const Clock& clock,
             const ReconcilerOptions& options, std::unique_ptr<Publisher> publisher)
      : log_(log),
        pending_(pending),
        bus_(bus),
        clock_(clock),
        options_(options),
        publisher_(std::move(publisher)) {}

  // The two lists of a scan, in its order. Each goes on where a scan that was cut short has left
  // it.
  enum class List { kRetried, kOld };

  bool settle();
  void forget_what_another_bus_took();
  Result<bool> scan_page();
  Result<std::vector<PendingRequest>> next_page() const;
  std::optional<PendingRequest>& cursor() { return list_ == List::kOld ? old_ : retried_; }
  void finish_list();
  void finish_scan(bool complete);
  std::uint32_t due(const PendingRequest& request) const;
  Status consider(const PendingRequest& request);
  Status send(const PendingRequest& request, std::uint32_t attempt);
  void remember(const PendingRequest& request, std::uint32_t attempt);

  const EventLog& log_;
  const PendingAppointments& pending_;
  Bus& bus_;
  const Clock& clock_;
  const ReconcilerOptions options_;
  std::unique_ptr<Publisher> publisher_;
  EventMessageReader reader_;
  Counter redelivered_;

  Clock::Monotonic next_scan_{};
  std::uint64_t connection_ = 0;  // connection_count() that sent_ belongs to
  std::uint64_t scan_ = 1;
  std::size_t sent_in_scan_ = 0;
  List list_ = List::kRetried;
  std::optional<PendingRequest> retried_, old_;   // the last one considered of each list
  std::unordered_map<std::uint64_t, Sent> sent_;  // by what asked for it: the request, or its retry
  std::vector<Completion> completions_;
};

}  // namespace citas::workers

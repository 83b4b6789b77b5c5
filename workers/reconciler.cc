#include "workers/reconciler.h"

#include <algorithm>
#include <utility>

#include "workers/topology.h"

namespace citas::workers {
namespace {

// The position of the event that asked for a request to be sent.
std::uint64_t asked_at(const PendingRequest& request) {
  return (request.retry > Position{0} ? request.retry : request.position).value();
}

}  // namespace

std::uint32_t due_attempt(std::chrono::milliseconds age, const ReconcilerOptions& options) {
  auto due = options.pending_after;
  auto pause = options.pending_after;
  std::uint32_t attempt = 0;
  while (age >= due && pause < options.longest_pause) {
    ++attempt;
    due += pause;
    pause *= 2;
  }
  if (age < due) return attempt;
  return attempt + static_cast<std::uint32_t>((age - due) / options.longest_pause) + 1;
}

Result<std::unique_ptr<Reconciler>> Reconciler::open(const EventLog& log,
                                                     const PendingAppointments& pending, Bus& bus,
                                                     const Clock& clock,
                                                     const ReconcilerOptions& options) {
  auto publisher = bus.open_publisher({.window = options.max_per_scan});
  if (!publisher) return failure(std::move(publisher.error()));
  return std::unique_ptr<Reconciler>(
      new Reconciler(log, pending, bus, clock, options, std::move(*publisher)));
}

Result<bool> Reconciler::step() {
  const bool settled = settle();
  if (!bus_.connected() || clock_.monotonic() < next_scan_) return settled;
  forget_what_another_bus_took();
  auto scanned = scan_page();
  return scanned ? Result<bool>(*scanned || settled) : scanned;
}

// Behind a new connection, the bus may have lost what it had taken: what is due is sent again. What
// it still has, it knows by the message's id.
void Reconciler::forget_what_another_bus_took() {
  if (connection_ == bus_.connection_count()) return;
  connection_ = bus_.connection_count();
  sent_.clear();
}

// What was not taken is sent again by the next scan.
bool Reconciler::settle() {
  completions_.clear();
  publisher_->poll(completions_);
  for (const Completion& completion : completions_) {
    if (completion.outcome) {
      redelivered_.add(completion.outcome->duplicate ? 0 : 1);
    } else {
      sent_.erase(completion.ticket);
    }
  }
  return !completions_.empty();
}

Result<bool> Reconciler::scan_page() {
  const auto page = next_page();
  if (!page) {
    finish_scan(/*complete=*/false);
    return false;
  }
  for (const PendingRequest& request : *page) {
    if (sent_in_scan_ >= options_.max_per_scan || publisher_->free() == 0) {
      finish_scan(/*complete=*/false);
      return true;
    }
    if (auto considered = consider(request); !considered) return failure(considered.error());
    cursor() = request;
  }
  const bool goes_on = !page->empty() || list_ == List::kRetried;
  if (page->size() < options_.page) finish_list();
  return goes_on;
}

Result<std::vector<PendingRequest>> Reconciler::next_page() const {
  if (list_ == List::kRetried) return pending_.retried(retried_, options_.page);
  return pending_.requested_before(clock_.now() - options_.pending_after, old_, options_.page);
}

void Reconciler::finish_list() {
  cursor().reset();
  if (list_ == List::kOld) return finish_scan(/*complete=*/true);
  list_ = List::kOld;
}

// A scan that was cut short goes on from where it was, after the pause.
void Reconciler::finish_scan(bool complete) {
  next_scan_ = clock_.monotonic() + options_.scan_interval;
  sent_in_scan_ = 0;
  list_ = List::kRetried;
  if (!complete) return;
  std::erase_if(sent_, [&](const auto& entry) { return entry.second.scan != scan_; });
  ++scan_;
}

std::uint32_t Reconciler::due(const PendingRequest& request) const {
  const Timestamp now = clock_.now();
  if (request.retry == Position{0}) return due_attempt(now - request.requested_at, options_);
  return 1 + due_attempt(now - request.retried_at, options_);
}

Status Reconciler::consider(const PendingRequest& request) {
  const std::uint32_t attempt = due(request);
  const auto known = sent_.find(asked_at(request));
  if (known != sent_.end()) {
    known->second.scan = scan_;
    if (known->second.attempt >= attempt) return {};
  }
  return attempt == 0 ? Status{} : send(request, attempt);
}

Status Reconciler::send(const PendingRequest& request, std::uint32_t attempt) {
  const auto record = read_one(log_, request.position);
  // A read model of another moment may know what this log does not (yet).
  if (!record && record.error().code == ErrorCode::kNotFound) return {};
  if (!record) return failure(record.error());
  const auto message = reader_.read(log_.epoch(), record->position, record->hash, record->bytes);
  if (!message) return failure(message.error());
  const std::string subject = redeliver_subject(request.country);
  const std::string id = redelivery_id(message->id, request.retry, attempt);
  const Status accepted = publisher_->publish(asked_at(request), {.subject = subject,
                                                                  .message_id = id,
                                                                  .headers = message->headers,
                                                                  .payload = record->bytes,
                                                                  .expected_last_sequence = {}});
  if (accepted) remember(request, attempt);
  return {};
}

void Reconciler::remember(const PendingRequest& request, std::uint32_t attempt) {
  ++sent_in_scan_;
  const std::uint64_t asked = asked_at(request);
  // Forgetting one means sending it once more than needed, and the bus drops most of those.
  const bool full = sent_.size() >= options_.max_remembered;
  if (full && !sent_.contains(asked)) sent_.erase(sent_.begin());
  sent_[asked] = {attempt, scan_};
}

}  // namespace citas::workers

#include "workers/dead_letter_recorder.h"

#include <algorithm>
#include <utility>

#include "workers/dead_letter.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

constexpr std::size_t kMaxInFlight = 256;
constexpr std::chrono::milliseconds kRetryDelay{500};
constexpr char kActor[] = "worker:dead-letters";

}  // namespace

Result<std::unique_ptr<DeadLetterRecorder>> DeadLetterRecorder::open(Bus& bus,
                                                                     commands::Sequencer& sequencer,
                                                                     const Clock& clock,
                                                                     Wakeup& wakeup) {
  auto source = bus.open_source(dead_letters_consumer(), {kMessageIdHeader, kLogHeader});
  if (!source) return failure(std::move(source.error()));
  return std::unique_ptr<DeadLetterRecorder>(
      new DeadLetterRecorder(bus, sequencer, clock, wakeup, std::move(*source)));
}

DeadLetterRecorder::DeadLetterRecorder(Bus& bus, commands::Sequencer& sequencer, const Clock& clock,
                                       Wakeup& wakeup, std::unique_ptr<MessageSource> source)
    : log_source_(sequencer.log_identity().source()),
      source_(std::move(source)),
      keeper_(bus, *source_, clock, dead_letters_consumer(), counters_),
      submissions_(sequencer, wakeup, kMaxInFlight) {}

Result<bool> DeadLetterRecorder::step() {
  // What the bus may have lost is not made again for a letter that it still holds: all of them are
  // looked at again, and those on record change nothing.
  if (keeper_.due()) keeper_.keep(0);
  const bool answered = settle_answers();
  const bool received = receive();
  return answered || received;
}

bool DeadLetterRecorder::receive() {
  received_.clear();
  source_->poll(submissions_.free(), received_);
  for (const Message& message : received_) handle(message);
  return !received_.empty();
}

void DeadLetterRecorder::handle(const Message& message) {
  counters_.deliveries.add();
  counters_.redeliveries.add(message.deliveries > 1 ? 1 : 0);
  if (answers_another_log(message, log_source_)) return put_back(message);
  auto letter = parse_dead_letter(message.payload);
  if (!letter) {
    letter = make_dead_letter(message, name(), country_of_subject(message.subject),
                              reasons::kMalformedMessage);
  }
  commands::Command command{.data = *std::move(letter), .actor = kActor};
  if (!submissions_.submit(message, std::move(command))) put_back(message);
}

bool DeadLetterRecorder::settle_answers() {
  answered_.clear();
  submissions_.poll(answered_);
  for (const auto& [message, outcome] : answered_) {
    if (!outcome) {
      put_back(message);
      continue;
    }
    counters_.completed.add();
    static_cast<void>(source_->ack(message));
  }
  return !answered_.empty();
}

void DeadLetterRecorder::put_back(const Message& message) {
  counters_.retries.add();
  static_cast<void>(source_->nak(message, kRetryDelay));
}

}  // namespace citas::workers

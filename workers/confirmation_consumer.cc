#include "workers/confirmation_consumer.h"

#include <algorithm>
#include <utility>

#include "events/base/traceparent.h"
#include "workers/confirmation.h"
#include "workers/dead_letter.h"
#include "workers/topology.h"

namespace citas::workers {
namespace {

constexpr std::size_t kMaxInFlight = 8192;
constexpr std::size_t kMaxBatch = 512;
constexpr std::chrono::milliseconds kRetryDelay{500};
constexpr char kActor[] = "worker:confirmations";

commands::CommandData to_command(const Confirmation& confirmation) {
  if (const auto* registration = std::get_if<RegistrationId>(&confirmation.outcome)) {
    return commands::ConfirmAppointment{confirmation.appointment, confirmation.country,
                                        *registration};
  }
  return commands::RejectAppointment{confirmation.appointment, confirmation.country,
                                     std::get<ReasonCode>(confirmation.outcome)};
}

}  // namespace

Result<std::unique_ptr<ConfirmationConsumer>> ConfirmationConsumer::open(
    Bus& bus, commands::Sequencer& sequencer, const Clock& clock, Wakeup& wakeup) {
  auto source =
      bus.open_source(confirmations_consumer(), {kMessageIdHeader, kLogHeader, kTraceparentHeader});
  if (!source) return failure(std::move(source.error()));
  auto publisher = bus.open_publisher({});
  if (!publisher) return failure(std::move(publisher.error()));
  return std::unique_ptr<ConfirmationConsumer>(new ConfirmationConsumer(
      bus, sequencer, clock, wakeup, std::move(*source), std::move(*publisher)));
}

ConfirmationConsumer::ConfirmationConsumer(Bus& bus, commands::Sequencer& sequencer,
                                           const Clock& clock, Wakeup& wakeup,
                                           std::unique_ptr<MessageSource> source,
                                           std::unique_ptr<Publisher> publisher)
    : sequencer_(sequencer),
      log_source_(sequencer.log_identity().source()),
      source_(std::move(source)),
      keeper_(bus, *source_, clock, confirmations_consumer(), counters_),
      outbox_(std::move(publisher), counters_),
      submissions_(sequencer, wakeup, kMaxInFlight) {}

Result<bool> ConfirmationConsumer::step() {
  if (keeper_.due()) keeper_.keep(std::nullopt);
  const bool published = outbox_.settle();
  const bool answered = settle_answers();
  const bool received = receive();
  return published || answered || received;
}

void ConfirmationConsumer::pause() {
  source_->leave();
  held_.clear();
}

bool ConfirmationConsumer::receive() {
  const std::size_t before = held_.size();
  for (Message& message : std::exchange(held_, {})) handle(std::move(message));
  // The sequencer is full of clients' commands: what has been received waits for its turn here.
  if (!held_.empty()) return held_.size() < before;
  received_.clear();
  source_->poll(std::min({kMaxBatch, submissions_.free(), outbox_.free()}), received_);
  for (Message& message : received_) {
    counters_.deliveries.add();
    counters_.redeliveries.add(message.deliveries > 1 ? 1 : 0);
    handle(std::move(message));
  }
  return !received_.empty();
}

void ConfirmationConsumer::handle(Message message) {
  if (answers_another_log(message, log_source_)) return put_back(message);
  const auto confirmation = parse_confirmation(message.payload);
  if (!confirmation) return give_up(std::move(message), reasons::kMalformedMessage);
  if (country_of_subject(message.subject) != confirmation->country) {
    return give_up(std::move(message), reasons::kCountryMismatch);
  }
  commands::Command command{.data = to_command(*confirmation), .actor = kActor};
  command.causation = confirmation->request;
  command.traceparent =
      accepted_traceparent(find_header(message.headers, kTraceparentHeader).value_or(""));
  if (!submissions_.submit(message, std::move(command))) held_.push_back(std::move(message));
}

bool ConfirmationConsumer::settle_answers() {
  answered_.clear();
  submissions_.poll(answered_);
  for (Submissions::Answered& answered : answered_) settle(std::move(answered));
  return !answered_.empty();
}

void ConfirmationConsumer::settle(Submissions::Answered answered) {
  if (answered.outcome) {
    counters_.completed.add();
    // If this gets lost, the message comes again, and there is nothing left to do.
    static_cast<void>(source_->ack(answered.message));
    return;
  }
  const auto* rejection = std::get_if<commands::Rejection>(&answered.outcome.error());
  if (rejection == nullptr) return put_back(answered.message);
  give_up(std::move(answered.message), to_string(rejection->code));
}

void ConfirmationConsumer::give_up(Message message, std::string_view reason) {
  const auto country = country_of_subject(message.subject);
  DeadLetter dead = make_dead_letter(message, name(), country, reason);
  dead.retry = sequencer_.committed();
  if (const auto confirmation = parse_confirmation(message.payload)) {
    dead.letter.appointment = confirmation->appointment;
  }
  publish_dead_letter(outbox_, dead, log_source_, {source_.get(), std::move(message)});
}

void ConfirmationConsumer::put_back(const Message& message) {
  counters_.retries.add();
  static_cast<void>(source_->nak(message, kRetryDelay));
}

}  // namespace citas::workers
